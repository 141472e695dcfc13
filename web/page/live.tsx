// Trials in training, drawn as their workers' heartbeats tell them. Nothing of it is stored.
import type { LiveTrial, LiveTrialAnswer, LiveTrials, Sweep } from "./api";
import { Curves, useSmoothing } from "./chart";
import { ConfigLink, useNames } from "./names";
import { Empty, Share, kOfficial, kPaperNote, over } from "./parts";
import { usePoll } from "./poll";
import { to } from "./route";
import { Scroll } from "./table";
import { count, duration, share } from "./text";
import { CurvesPart, lossText } from "./trial_curves";

const kSeconds = 2;
const kDrawn = 8;  // runs in one chart

const newest = (values: (number | null)[]) => values[values.length - 1] ?? null;
const epochOf = (live: LiveTrial) => newest(live.curves.epoch) ?? 0;
const left = (live: LiveTrial) => (live.eta_seconds === null ? "–" : duration(live.eta_seconds));

export function LiveTrialPart({ id }: { id: string }) {
  const live = usePoll<LiveTrialAnswer>(`trials/${id}/live`, kSeconds).data?.live;
  if (!live) return <Empty title="In training"><p>Its epochs appear here as its worker tells them.</p></Empty>;
  return (
    <>
      <dl class="facts" aria-label="In training">
        <div><dt>Epoch</dt><dd>{epochOf(live)} of {live.epochs}</dd></div>
        <div><dt>Time left</dt><dd>{left(live)}</dd></div>
        <div><dt title={kPaperNote}>Score, paper-style</dt><dd>{share(newest(live.curves.score))}</dd></div>
        <div><dt>Worker</dt><dd><a href={to(["worker", live.worker])}>its log</a></dd></div>
      </dl>
      <CurvesPart curves={live.curves} best={null} />
    </>
  );
}

/** The trials of a sweep that are in training, or those of one `config`. */
export function LiveRuns({ sweep, config }: { sweep: Sweep; config?: string }) {
  const polled = usePoll<LiveTrials>(over(sweep) ? null : `sweeps/${sweep.id}/live${config ? `?config=${config}` : ""}`, kSeconds);
  const runs = polled.data?.trials ?? [];
  const names = useNames(config ? undefined : sweep.id, runs.map((run) => run.config));
  if (!polled.data || runs.length === 0) return null;
  const run = (one: LiveTrial) => `${one.partition === kOfficial ? "" : `${one.partition}, `}fold ${one.fold}, seed ${one.seed}`;
  return (
    <section aria-label="In training">
      <h2>In training</h2>
      {config && <Scores runs={runs.slice(0, kDrawn)} name={(one) => run(one)} />}
      <Scroll label="Trials in training">
        <table class="wide">
          <thead>
            <tr>
              {!config && <th scope="col">Config</th>}
              <th scope="col">Run</th>
              <th scope="col">Epoch</th>
              <th scope="col" class="number">Training loss</th>
              <th scope="col" class="number" title={kPaperNote}>Score, paper-style</th>
              <th scope="col" class="number">Time left</th>
            </tr>
          </thead>
          <tbody>
            {runs.map((one) => {
              const loss = newest(one.curves.loss);
              const text = `${epochOf(one)} of ${one.epochs}`;
              return (
                <tr key={one.trial}>
                  {!config && <th scope="row"><ConfigLink sweep={sweep.id} config={one.config} names={names} most={60} /></th>}
                  <td><a href={to(["trial", one.trial])}>{run(one)}</a></td>
                  <td class="pack-cell"><Share of={epochOf(one) / one.epochs} label={`Epoch ${text}`} />{text}</td>
                  <td class="number">{loss === null ? "–" : lossText(loss)}</td>
                  <td class="number">{share(newest(one.curves.score))}</td>
                  <td class="number">{left(one)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
      {polled.data.total > runs.length && <p class="legend">{count(polled.data.total - runs.length)} more are in training.</p>}
    </section>
  );
}

function Scores({ runs, name }: { runs: LiveTrial[]; name: (run: LiveTrial) => string }) {
  const { smooth, choice } = useSmoothing();
  const epochs = [...new Set(runs.flatMap((run) => run.curves.epoch))].sort((a, b) => a - b);
  const lines = runs.map((run, i) => {
    const at = new Map(run.curves.epoch.map((epoch, k) => [epoch, run.curves.score[k] ?? null]));
    return { name: name(run), values: epochs.map((epoch) => at.get(epoch) ?? null), color: i + 1 };
  });
  return (
    <>
      <div class="bar">{choice}</div>
      <Curves title="Score by epoch of runs in training, paper-style (thresholds tuned on the fold)" name="live-scores" epochs={epochs} lines={lines} marks={[]} print={share} smooth={smooth} />
    </>
  );
}

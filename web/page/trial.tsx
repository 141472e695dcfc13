import { useState } from "preact/hooks";

import type { Attempt, AttemptLog, EncoderImportance, Trial } from "./api";
import { hasToken } from "./fetch";
import { ClipsPart } from "./clips";
import { LiveTrialPart } from "./live";
import { ConfigLink, useNames } from "./names";
import { Change, DatasetName, Empty, Share, Shown, Tag, kHeldOutNote, kOfficial, kPaperNote, stateOf } from "./parts";
import { usePoll } from "./poll";
import { to } from "./route";
import { Name, Scroll, Table } from "./table";
import { CurvesPart } from "./trial_curves";
import { useTitle } from "./title";
import { bytes, count, duration, moment, share, time } from "./text";

export function TrialView({ id, query, control }: { id: string; query: URLSearchParams; control: boolean }) {
  const polled = usePoll<Trial>(`trials/${id}`, 5);
  return (
    <Shown polled={polled} rows={14}>
      {(trial) => <Loaded trial={trial} query={query} control={control} again={polled.again} />}
    </Shown>
  );
}

function Loaded({ trial, query, control, again }: { trial: Trial; query: URLSearchParams; control: boolean; again: () => void }) {
  const { result } = trial;
  const state = stateOf({ ...trial, outcome: result?.outcome ?? null });
  const sweep = trial.sweeps[0];
  const names = useNames(sweep?.id, [trial.config]);
  const words = `Fold ${trial.fold}, seed ${trial.seed} of ${names.get(trial.config) ?? trial.config}`;
  useTitle(words);
  return (
    <>
      <p class="crumbs">
        <a href={to([])}>Sweeps</a>
        {trial.sweeps.map((sweep) => <a key={sweep.id} href={to(["sweep", sweep.id])}>{sweep.name}</a>)}
      </p>
      <div class="title">
        <h1>{words} <span class="id">trial {trial.id}</span></h1>
        <Tag kind={state}>{state}</Tag>
        {control && hasToken() && trial.state === "failed" && (
          <span class="changes"><Change path={`trials/${trial.id}/retry`} label="Retry" done={again} /></span>
        )}
      </div>
      <dl class="facts">
        {trial.partition !== kOfficial && <div><dt>Partition</dt><dd>{trial.partition}</dd></div>}
        <div><dt>Fold</dt><dd>{trial.fold}</dd></div>
        <div><dt>Seed</dt><dd>{trial.seed}</dd></div>
        <div><dt>Config</dt><dd>{sweep ? <ConfigLink sweep={sweep.id} config={trial.config} names={names} /> : <span class="mono">{trial.config}</span>}</dd></div>
        <div><dt>Dataset</dt><dd><DatasetName dataset={trial.dataset} /></dd></div>
        {result && (
          <>
            <div><dt>Epochs trained</dt><dd>{result.epochs}</dd></div>
            <div><dt>Time</dt><dd>{duration(result.seconds)}</dd></div>
            <div><dt>Samples a second</dt><dd>{count(Math.round(result.samples_per_second))}</dd></div>
            <div><dt>Peak memory</dt><dd>{bytes(result.peak_memory_bytes)}</dd></div>
            <div><dt>Trials in its pack</dt><dd>{result.pack_size}</dd></div>
            <div><dt>Arithmetic</dt><dd class="mono">{result.arithmetic || "unknown"}</dd></div>
          </>
        )}
      </dl>
      {(trial.reason || result?.reason) && (
        <div class="note note-failed">
          <strong>{result ? "It diverged" : "It failed"}</strong>
          <p>{result?.reason || trial.reason}</p>
        </div>
      )}
      {!result && !trial.reason && trial.running && <LiveTrialPart id={trial.id} />}
      {!result && !trial.reason && !trial.running && (
        <Empty title="Not trained yet">
          <p>Its numbers appear here when the result is accepted.</p>
        </Empty>
      )}
      {result?.paper && <Numbers result={result} />}
      {result && result.curves.epoch.length > 0 && <CurvesPart curves={result.curves} best={result.paper?.epoch ?? null} />}
      {result && result.importance.encoders.length > 0 && (
        <Importance result={result} />
      )}
      <section>
        <h2>Attempts</h2>
        {trial.attempts.length === 0 ? <Empty title="No attempt yet" /> : <Attempts attempts={trial.attempts} />}
        {trial.attempts.length > 0 && <Log key={trial.id} trial={trial} />}
      </section>
      <section>
        <h2>Settings</h2>
        <dl class="settings">
          {trial.settings.map((setting) => (
            <div key={setting.name}>
              <dt title={setting.meaning}>{setting.name}</dt>
              <dd>{setting.text}{setting.unit && <span class="none"> {setting.unit}</span>}</dd>
            </div>
          ))}
        </dl>
      </section>
      {result?.paper && <ClipsPart trial={trial} query={query} />}
    </>
  );
}

type Result = NonNullable<Trial["result"]>;

function Numbers({ result }: { result: Result }) {
  const row = (name: string, note: string, snapshot: Result["paper"] | Result["held_out"]) => (
    <tr>
      <th scope="row" title={note}>{name}</th>
      <td class="number">{share(snapshot?.accuracy?.acc_presence)}</td>
      <td class="number">{share(snapshot?.accuracy?.acc_salience)}</td>
      <td class="number strong">{share(snapshot?.accuracy?.score)}</td>
      <td class="number">{snapshot?.epoch ?? "–"}</td>
      <td class="number">{snapshot?.thresholds ? snapshot.thresholds.alpha.toFixed(3).replace(/^0/, "") : "–"}</td>
      <td class="number">{snapshot?.thresholds ? snapshot.thresholds.beta.toFixed(3).replace(/^0/, "") : "–"}</td>
    </tr>
  );
  return (
    <section>
      <h2>Scores</h2>
      <Scroll label="Scores by protocol">
      <table>
        <thead>
          <tr>
            <th scope="col">Protocol</th>
            <th scope="col" class="number">ACC_P</th>
            <th scope="col" class="number">ACC_S</th>
            <th scope="col" class="number">Score</th>
            <th scope="col" class="number">Epoch</th>
            <th scope="col" class="number">Threshold α</th>
            <th scope="col" class="number">Threshold β</th>
          </tr>
        </thead>
        <tbody>
          {row("paper-style (optimistic)", kPaperNote, result.paper)}
          {row("held-out", kHeldOutNote, result.held_out)}
        </tbody>
      </table>
      </Scroll>
      <p class="legend">
        {result.held_out === null
          ? "No held-out number: early stopping looked at the reported fold. Train with inner_fold for one."
          : result.held_out.accuracy === null
            ? "The held-out score of this trial takes its thresholds from the other folds, so it stands in the sweep’s leaderboard."
            : "Held-out: epoch and thresholds were chosen on the inner fold."}
      </p>
    </section>
  );
}

function Importance({ result }: { result: Result }) {
  const sorted: EncoderImportance[] = [...result.importance.encoders].sort((a, b) => b.mean - a.mean);
  const most = Math.max(...sorted.map((one) => one.quantiles[4] ?? one.mean), 1e-9);
  const at = (value: number) => (100 * Math.min(value, most)) / most;
  return (
    <section>
      <h2>Importance of each encoder</h2>
      <Table
        label="Encoders"
        rows={sorted}
        id={(one) => one.encoder}
        columns={[
          { id: "encoder", head: "Encoder", names: true, cell: (one) => <Name of={one.encoder} /> },
          { id: "modality", head: "Modality", cell: (one) => one.modality || "–" },
          { id: "weight", head: "Gate weight", kind: "number", cell: (one) => <>{share(one.mean)}<span class="sd"> ± {share(one.sd)}</span></> },
          {
            id: "drawn",
            head: "5–95 %, 25–75 %, mean",
            class: "wide-cell",
            cell: (one) => (
              <svg class="weights" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">
                <line class="interval-scale" x1="0" x2="100" y1="6" y2="6" />
                {one.quantiles.length === 5 && (
                  <>
                    <line class="weights-wide" x1={at(one.quantiles[0]!)} x2={at(one.quantiles[4]!)} y1="6" y2="6" />
                    <line class="weights-half" x1={at(one.quantiles[1]!)} x2={at(one.quantiles[3]!)} y1="6" y2="6" />
                  </>
                )}
                <line class="interval-mean" x1={at(one.mean)} x2={at(one.mean)} y1="1.5" y2="10.5" />
              </svg>
            ),
          },
          { id: "selected", head: "Selected", class: "wide-cell", cell: (one) => <><Share of={one.selection_frequency} />{(100 * one.selection_frequency).toFixed(1)} %</> },
          { id: "first", head: "Ranked first", kind: "number", cell: (one) => (one.ranks.length ? `${(100 * one.ranks[0]!).toFixed(1)} %` : "–") },
        ]}
      />
      <p class="legend">
        Over the {count(result.validation_clips)} validation clips of this fold, at the{" "}
        {result.held_out ? `held-out epoch (${result.held_out.epoch})` : `paper-style epoch (${result.paper?.epoch ?? "–"})`}. Weights
        from 0 to {share(most)}.
      </p>
    </section>
  );
}

/** Asked for once it is opened. */
function Log({ trial }: { trial: Trial }) {
  const [open, setOpen] = useState(false);
  const [chosen, choose] = useState<number | null>(null);
  const newest = Math.max(...trial.attempts.map((one) => one.number));
  const attempt = chosen ?? newest;
  const running = trial.attempts.find((one) => one.number === attempt)?.state === "running";
  const polled = usePoll<AttemptLog>(open ? `trials/${trial.id}/log?attempt=${attempt}` : null, running ? 3 : 0);
  return (
    <details class="log" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Log of its worker</summary>
      {trial.attempts.length > 1 && (
        <label>
          Attempt{" "}
          <select value={attempt} onChange={(event) => choose(Number(event.currentTarget.value))}>
            {trial.attempts.map((one) => <option key={one.number} value={one.number}>{one.number}</option>)}
          </select>
        </label>
      )}
      {open && (
        <Shown polled={polled} rows={4}>
          {(log) =>
            log.file === null ? (
              <Empty title="No log of this worker is in the store">
                <p>Workers that were started by hand write to their own terminal.</p>
              </Empty>
            ) : (
              <>
                <p class="legend">The last lines of <span class="mono">{log.file}</span> up to the attempt’s end; those written during it are marked. Times are this browser’s.</p>
                <pre tabIndex={0} aria-label={`Log of ${log.worker_name || log.worker}`}>
                  {log.lines.map(({ text, written_ms, during }, i) => (
                    <span key={i} class={during ? "during" : undefined} title={written_ms === null ? undefined : text.slice(0, text.indexOf(" "))}>
                      {(written_ms === null ? text : moment(written_ms) + text.slice(text.indexOf(" "))) + "\n"}
                    </span>
                  ))}
                </pre>
              </>
            )
          }
        </Shown>
      )}
    </details>
  );
}

function Attempts({ attempts }: { attempts: Attempt[] }) {
  return (
    <Table
      label="Table of attempts"
      rows={attempts}
      id={(one) => String(one.number)}
      columns={[
        { id: "number", head: "#", kind: "number", names: true, cell: (one) => one.number },
        { id: "state", head: "State", cell: (one) => <Tag kind={one.state}>{one.state}</Tag> },
        { id: "worker", head: "Worker", cell: (one) => <Name of={one.worker_name || one.worker} /> },
        { id: "started", head: "Started", kind: "number", cell: (one) => time(one.started_ms) },
        { id: "took", head: "Took", kind: "number", cell: (one) => (one.started_ms && one.ended_ms ? duration((one.ended_ms - one.started_ms) / 1000) : "–") },
        { id: "reason", head: "Reason", class: "reason", cell: (one) => one.reason },
      ]}
    />
  );
}

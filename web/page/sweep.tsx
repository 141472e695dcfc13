import { AblationsTab } from "./ablations";
import type { Axes, Sweep, TrialList } from "./api";
import { hasToken } from "./fetch";
import { ImportanceTab } from "./importance";
import { LeaderboardTab } from "./leaderboard";
import { Change, DatasetName, Empty, Interval, Mean, NoWorkers, Pager, Progress, Shown, Tag, atWork, foldsOf, kHeldOutNote, kOfficial, kPaperNote, over, scoreRange } from "./parts";
import { usePoll } from "./poll";
import { to } from "./route";
import { count, duration, share, time, valueText } from "./text";
import { TimelineTab } from "./timeline";

type Details = Sweep & { yaml: string };

export function SweepView({ id, tab, query, control }: { id: string; tab: string; query: URLSearchParams; control: boolean }) {
  const polled = usePoll<Details>(`sweeps/${id}`, 3);
  const tabs: [string, string][] = [
    ["leaderboard", "Leaderboard"],
    ["ablations", "Ablations"],
    ["importance", "Importance"],
    ["axes", "Axes"],
    ["trials", "Trials"],
    ["timeline", "Timeline"],
    ["file", "Sweep file"],
  ];
  return (
    <Shown polled={polled} rows={10}>
      {(sweep) => (
        <>
          <p class="crumbs"><a href={to([])}>Sweeps</a></p>
          <div class="title">
            <h1>{sweep.name || sweep.id}</h1>
            <Tag kind={sweep.state}>{sweep.state}</Tag>
            {control && hasToken() && (!over(sweep) || sweep.trials.failed > 0) && (
              <span class="changes">
                {atWork(sweep) && <Change path={`sweeps/${id}/pause`} label="Pause" done={polled.again} />}
                {(sweep.state === "paused" || sweep.state === "stopped") && <Change path={`sweeps/${id}/resume`} label="Resume" done={polled.again} />}
                {sweep.trials.failed > 0 && <Change path={`sweeps/${id}/retry`} label="Retry failed trials" done={polled.again} />}
                {(atWork(sweep) || sweep.state === "paused") && (
                  <Change path={`sweeps/${id}/stop`} label="Stop" sure="Stop this sweep" done={polled.again} />
                )}
              </span>
            )}
          </div>
          {sweep.description && <p>{sweep.description}</p>}
          <Progress sweep={sweep} />
          {control && atWork(sweep) && <NoWorkers />}
          <dl class="facts">
            <div><dt>Trials finished</dt><dd>{count(sweep.trials.finished)} / {count(sweep.trials.total)}</dd></div>
            {sweep.search && (
              <div>
                <dt>Search</dt>
                <dd>
                  {String(sweep.search.kind)}, {count(sweep.rounds)} {sweep.rounds === 1 ? "round" : "rounds"}
                  {sweep.searching ? `, at most ${count(sweep.most_trials)} trials` : `, of ${count(sweep.most_trials)} trials`}
                </dd>
              </div>
            )}
            <div><dt>Running</dt><dd>{count(sweep.trials.running)}</dd></div>
            <div><dt>Failed</dt><dd class={sweep.trials.failed ? "bad" : undefined}>{count(sweep.trials.failed)}</dd></div>
            <div><dt>Diverged</dt><dd>{count(sweep.trials.diverged)}</dd></div>
            <div><dt>Time left</dt><dd>{sweep.state === "running" ? duration(sweep.eta_seconds) : "–"}</dd></div>
            <div><dt>Training time</dt><dd>{duration(sweep.training_seconds)}</dd></div>
            <div><dt>Time a trial</dt><dd>{duration(sweep.mean_trial_seconds)}</dd></div>
            <div><dt>Configs × folds × seeds</dt><dd>{count(sweep.configs)} × {foldsOf(sweep)} × {sweep.seeds.length}</dd></div>
            <div><dt title="who is in which fold">Partition</dt><dd>{sweep.partitions[0]}{sweep.partitions.length > 1 && ` to ${sweep.partitions.length}`}</dd></div>
            <div><dt>Dataset</dt><dd><DatasetName dataset={sweep.dataset} /></dd></div>
            <div><dt>Submitted</dt><dd>{time(sweep.created_ms)}</dd></div>
          </dl>
          <nav class="tabs" aria-label="Parts of this sweep">
            {tabs.map(([name, label]) => (
              <a key={name} href={to(["sweep", id, name])} aria-current={tab === name ? "page" : undefined}>{label}</a>
            ))}
          </nav>
          {tab === "leaderboard" && <LeaderboardTab sweep={sweep} query={query} control={control} />}
          {tab === "ablations" && <AblationsTab sweep={sweep} query={query} />}
          {tab === "importance" && <ImportanceTab sweep={sweep} query={query} />}
          {tab === "timeline" && <TimelineTab sweep={sweep} control={control} again={polled.again} />}
          {tab === "axes" && <AxesTab sweep={sweep} />}
          {tab === "trials" && <TrialsTab sweep={sweep} query={query} />}
          {tab === "file" && (sweep.yaml ? <pre class="file">{sweep.yaml}</pre> : <Empty title="The sweep file was not kept" />)}
          {!tabs.some(([name]) => name === tab) && <Empty title="There is no such page" />}
        </>
      )}
    </Shown>
  );
}

function AxesTab({ sweep }: { sweep: Sweep }) {
  const polled = usePoll<Axes>(`sweeps/${sweep.id}/axes`, 5);
  return (
    <section aria-label="Axes">
      <Shown polled={polled} rows={12}>
        {({ axes }) => {
          if (axes.length === 0) return <Empty title="This sweep varies nothing"><p>It has one config, so there is no axis to compare along.</p></Empty>;
          return (
            <>
              {axes.map((axis) => {
                const [low, high] = scoreRange(axis.values.flatMap((value) => [value.paper_score, value.held_out_score]));
                return (
                  <div key={axis.name} class="axis">
                    <h2>{axis.name}</h2>
                    <div class="scroll">
                      <table class="wide">
                        <thead>
                          <tr class="groups">
                            <td colSpan={3} />
                            <th scope="colgroup" colSpan={2} class="first" title={kPaperNote}>paper-style <span>optimistic</span></th>
                            <th scope="colgroup" colSpan={2} class="first" title={kHeldOutNote}>held-out</th>
                            <th scope="colgroup" colSpan={2} class="first">best config</th>
                          </tr>
                          <tr>
                            <th scope="col" class="value-cell">Value</th>
                            <th scope="col" class="number">Configs</th>
                            <th scope="col" class="number">Trials</th>
                            <th scope="col" class="number first">Score</th>
                            <th scope="col" class="interval-cell"><span class="hidden">Score, drawn</span></th>
                            <th scope="col" class="number first">Score</th>
                            <th scope="col" class="interval-cell"><span class="hidden">Score, drawn</span></th>
                            <th scope="col" class="first">Config</th>
                            <th scope="col" class="number">Score <span class="protocol">paper-style</span></th>
                          </tr>
                        </thead>
                        <tbody>
                          {axis.values.map((value) => (
                            <tr key={valueText(value.value)} class={value.complete ? undefined : "incomplete"}>
                              <th scope="row">{value.value === null ? <span class="none">not varied</span> : value.text}</th>
                              <td class="number">{value.configs}</td>
                              <td class="number">{value.trials}</td>
                              <td class="number first strong"><Mean of={value.paper_score} incomplete={!value.complete} /></td>
                              <td class="interval-cell"><Interval of={value.paper_score} low={low} high={high} /></td>
                              <td class="number first strong"><Mean of={value.held_out_score} incomplete={!value.complete} /></td>
                              <td class="interval-cell"><Interval of={value.held_out_score} low={low} high={high} heldOut /></td>
                              <td class="first mono">
                                {value.best_config ? (
                                  <a href={to(["sweep", sweep.id, "trials"], { config: value.best_config })}>{value.best_config}</a>
                                ) : (
                                  <span class="none">–</span>
                                )}
                              </td>
                              <td class="number">{share(value.best_paper_score)}</td>
                            </tr>
                          ))}
                        </tbody>
                      </table>
                    </div>
                  </div>
                );
              })}
              <p class="legend">
                Marginal means: every config that has the value, whatever its other settings. {kPaperNote} Mean ± SD over
                trials. {kHeldOutNote} Mean ± SD over configs. Grey rows lack trials.
              </p>
            </>
          );
        }}
      </Shown>
    </section>
  );
}

function TrialsTab({ sweep, query }: { sweep: Sweep; query: URLSearchParams }) {
  const offset = Number(query.get("offset") ?? 0) || 0;
  const made = sweep.partitions[0] !== kOfficial;
  const keep = { config: query.get("config"), partition: query.get("partition"), fold: query.get("fold"), seed: query.get("seed"), state: query.get("state") };
  const search = to([], { ...keep, offset }).replace(/^#\/\??/, "");
  const polled = usePoll<TrialList>(`sweeps/${sweep.id}/trials?${search}`, 3);
  const choose = (name: string, value: string) => {
    location.hash = to(["sweep", sweep.id, "trials"], { ...keep, [name]: value });
  };
  const select = (name: "partition" | "fold" | "seed" | "state", values: (string | number)[]) => (
    <label>
      {name[0]!.toUpperCase() + name.slice(1)}{" "}
      <select value={keep[name] ?? ""} onChange={(event) => choose(name, event.currentTarget.value)}>
        <option value="">all</option>
        {values.map((value) => <option key={value} value={String(value)}>{value}</option>)}
      </select>
    </label>
  );
  return (
    <section aria-label="Trials">
      <div class="bar">
        {sweep.partitions.length > 1 && select("partition", sweep.partitions)}
        {select("fold", sweep.folds)}
        {select("seed", sweep.seeds)}
        {select("state", ["pending", "finished", "failed"])}
        {keep.config && (
          <span>
            Config <code>{keep.config}</code> <a href={to(["sweep", sweep.id, "trials"], { ...keep, config: null })}>show all configs</a>
          </span>
        )}
      </div>
      <Shown polled={polled} rows={12}>
        {(list) =>
          list.trials.length === 0 ? (
            <Empty title="No trial fits these choices" />
          ) : (
            <>
              <div class="scroll">
                <table class="wide">
                  <thead>
                    <tr class="groups">
                      <td colSpan={made ? 7 : 6} />
                      <th scope="colgroup" colSpan={3} class="first" title={kHeldOutNote}>held-out</th>
                      <th scope="colgroup" colSpan={4} class="first" title={kPaperNote}>paper-style <span>optimistic</span></th>
                      <td colSpan={2} />
                    </tr>
                    <tr>
                      <th scope="col">Trial</th>
                      <th scope="col">Config</th>
                      {made && <th scope="col">Partition</th>}
                      <th scope="col" class="number">Fold</th>
                      <th scope="col" class="number">Seed</th>
                      <th scope="col">State</th>
                      <th scope="col" class="number">Attempts</th>
                      <th scope="col" class="number first">ACC_P</th>
                      <th scope="col" class="number">ACC_S</th>
                      <th scope="col" class="number">Score</th>
                      <th scope="col" class="number first">ACC_P</th>
                      <th scope="col" class="number">ACC_S</th>
                      <th scope="col" class="number">Score</th>
                      <th scope="col" class="number">Epoch</th>
                      <th scope="col" class="number first">Time</th>
                      <th scope="col">Reason</th>
                    </tr>
                  </thead>
                  <tbody>
                    {list.trials.map((trial) => {
                      const state = trial.running ? "running" : trial.outcome === "diverged" ? "diverged" : trial.state;
                      return (
                        <tr key={trial.id}>
                          <th scope="row"><a class="mono" href={to(["trial", trial.id])}>{trial.id}</a></th>
                          <td class="mono">{trial.config}</td>
                          {made && <td>{trial.partition}</td>}
                          <td class="number">{trial.fold}</td>
                          <td class="number">{trial.seed}</td>
                          <td><Tag kind={state}>{state}</Tag></td>
                          <td class="number">{trial.attempts}</td>
                          <td class="number first">{share(trial.held_out?.accuracy.acc_presence)}</td>
                          <td class="number">{share(trial.held_out?.accuracy.acc_salience)}</td>
                          <td class="number strong">{share(trial.held_out?.accuracy.score)}</td>
                          <td class="number first">{share(trial.paper?.accuracy.acc_presence)}</td>
                          <td class="number">{share(trial.paper?.accuracy.acc_salience)}</td>
                          <td class="number">{share(trial.paper?.accuracy.score)}</td>
                          <td class="number">{trial.paper?.epoch ?? "–"}</td>
                          <td class="number first">{duration(trial.seconds)}</td>
                          <td class="reason" title={trial.reason}>{trial.reason}</td>
                        </tr>
                      );
                    })}
                  </tbody>
                </table>
              </div>
              <Pager
                offset={list.offset}
                shown={list.trials.length}
                total={list.total}
                link={(next) => to(["sweep", sweep.id, "trials"], { ...keep, offset: next })}
              />
              <p class="legend">{kHeldOutNote} Of a trial: those of the config's other folds. {kPaperNote}</p>
            </>
          )
        }
      </Shown>
    </section>
  );
}

import { useState } from "preact/hooks";
import type { StoreHealth, SweepList } from "./api";
import { DatasetName, Empty, NoWorkers, Progress, Shown, Tag, atWork, kPaperNote } from "./parts";
import { usePoll } from "./poll";
import { to } from "./route";
import { Scroll } from "./table";
import { bytes, count, duration, share, time } from "./text";

export function SweepsView({ control }: { control: boolean }) {
  const polled = usePoll<SweepList>("sweeps", 3);
  const store = usePoll<StoreHealth>("store", 10);
  const [all, setAll] = useState(false);
  const low = store.data?.free_bytes !== null && (store.data?.free_bytes ?? Infinity) < 1e9;
  return (
    <>
      <h1>Sweeps</h1>
      <dl class="facts">
        <div><dt>Workers joined</dt><dd>{polled.data ? polled.data.joined_workers : "–"}</dd></div>
        <div><dt>Coordinator</dt><dd>{store.data ? (store.data.coordinator ? "at work" : "not in this server: results are only shown") : "–"}</dd></div>
        <div><dt>Last written</dt><dd>{time(store.data?.written_ms)}</dd></div>
        <div><dt>Database</dt><dd>{store.data ? bytes(store.data.database_bytes) : "–"}</dd></div>
        <div><dt>Free disk space</dt><dd class={low ? "bad" : undefined}>{store.data?.free_bytes ? bytes(store.data.free_bytes) : "–"}{low && ": nothing more can be recorded soon"}</dd></div>
      </dl>
      {control && polled.data?.sweeps.some(atWork) && <NoWorkers />}
      <Shown polled={polled} rows={8}>
        {({ sweeps }) =>
          sweeps.length === 0 ? (
            <Empty title="No sweeps yet">
              {control ? (
                <p>
                  <a href={to(["new"])}>Submit one</a> here, or with <code>medley submit SWEEP.yaml</code> in a shell.
                </p>
              ) : (
                <p>
                  Run one with <code>medley run SWEEP.yaml</code>. It appears here as soon as it is submitted.
                </p>
              )}
            </Empty>
          ) : (
            <Scroll label="Table of sweeps">
              <table class="wide">
                <thead>
                  <tr>
                    <th scope="col">Sweep</th>
                    <th scope="col">Dataset</th>
                    <th scope="col">State</th>
                    <th scope="col" class="progress-cell">Trials</th>
                    <th scope="col" class="number">Time left</th>
                    <th scope="col" class="number" title="of the first config of the leaderboard, with its 95 % interval">Best config’s Score</th>
                    <th scope="col" class="number" title={kPaperNote}>
                      Best trial’s Score <span class="protocol">paper-style</span>
                    </th>
                    <th scope="col" class="number">Submitted</th>
                  </tr>
                </thead>
                <tbody>
                  {sweeps.filter((sweep) => all || !sweep.archived).map((sweep) => (
                    <tr key={sweep.id}>
                      <th scope="row">
                        <a href={to(["sweep", sweep.id])}>{sweep.name || sweep.id}</a>
                        <span class="id">{sweep.id}</span>
                        {(sweep.archived || sweep.tags.length > 0) && (
                          <div class="small">{[...sweep.tags.map((tag) => `#${tag}`), ...(sweep.archived ? ["archived"] : [])].join(" ")}</div>
                        )}
                        {sweep.note && <div class="small">{sweep.note}</div>}
                      </th>
                      <td><DatasetName dataset={sweep.dataset} /></td>
                      <td><Tag kind={sweep.state}>{sweep.state}</Tag></td>
                      <td class="progress-cell">
                        <Progress sweep={sweep} />
                        <span class="number small">
                          {count(sweep.trials.finished)} / {count(sweep.trials.total)}
                          {sweep.trials.running > 0 && ` · ${sweep.trials.running} running`}
                          {sweep.trials.failed > 0 && <span class="bad"> · {sweep.trials.failed} failed</span>}
                        </span>
                      </td>
                      <td class="number">{sweep.state === "running" ? duration(sweep.eta_seconds) : "–"}</td>
                      <td class="number">
                        {sweep.best ? (
                          <span title={sweep.best.name} class={sweep.best.complete ? undefined : "none"}>
                            <strong>{share(sweep.best.score)}</strong> <span class="small">[{share(sweep.best.low)}, {share(sweep.best.high)}]</span>
                            {sweep.best.protocol === "paper" && <span class="protocol">paper-style</span>}
                          </span>
                        ) : "–"}
                      </td>
                      <td class="number">{share(sweep.best_paper_score)}</td>
                      <td class="number">{time(sweep.created_ms)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
              {sweeps.some((sweep) => sweep.archived) && (
                <p>
                  <button type="button" aria-pressed={all} onClick={() => setAll(!all)}>
                    {all ? "Leave out archived sweeps" : `Show ${count(sweeps.filter((sweep) => sweep.archived).length)} archived`}
                  </button>
                </p>
              )}
            </Scroll>
          )
        }
      </Shown>
    </>
  );
}

import type { SweepList } from "./api";
import { DatasetName, Empty, Progress, Shown, Tag, kPaperNote } from "./parts";
import { usePoll } from "./poll";
import { to } from "./route";
import { count, duration, share, time } from "./text";

export function SweepsView() {
  const polled = usePoll<SweepList>("sweeps", 3);
  return (
    <>
      <h1>Sweeps</h1>
      <Shown polled={polled} rows={8}>
        {({ sweeps }) =>
          sweeps.length === 0 ? (
            <Empty title="No sweeps yet">
              <p>
                Run one with <code>medley run SWEEP.yaml</code>. It appears here as soon as it is submitted.
              </p>
            </Empty>
          ) : (
            <div class="scroll">
              <table class="wide">
                <thead>
                  <tr>
                    <th scope="col">Sweep</th>
                    <th scope="col">Data set</th>
                    <th scope="col">State</th>
                    <th scope="col" class="progress-cell">Trials</th>
                    <th scope="col" class="number">Time left</th>
                    <th scope="col" class="number" title={kPaperNote}>
                      Best trial’s Score <span class="protocol">paper-style</span>
                    </th>
                    <th scope="col" class="number">Submitted</th>
                  </tr>
                </thead>
                <tbody>
                  {sweeps.map((sweep) => (
                    <tr key={sweep.id}>
                      <th scope="row">
                        <a href={to(["sweep", sweep.id])}>{sweep.name || sweep.id}</a>
                        <span class="id">{sweep.id}</span>
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
                      <td class="number">{share(sweep.best_paper_score)}</td>
                      <td class="number">{time(sweep.created_ms)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Shown>
    </>
  );
}

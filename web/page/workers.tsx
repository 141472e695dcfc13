import type { Worker } from "./api";
import { hasToken } from "./api";
import { Change, Empty, Shown, Tag } from "./parts";
import { usePoll } from "./poll";
import { count, time } from "./text";

/** From the results of the last minutes, or of its life when that is shorter. */
function rate(worker: Worker, seconds: number): string {
  if (worker.state !== "joined" && worker.state !== "away") return "–";
  const life = worker.joined_ms ? (Date.now() - worker.joined_ms) / 1000 : seconds;
  return count(Math.round((3600 * worker.recent_results) / Math.max(10, Math.min(seconds, life))));
}

export function WorkersView({ control }: { control: boolean }) {
  const polled = usePoll<{ workers: Worker[]; recent_seconds: number }>("workers", 3);
  return (
    <>
      <h1>Workers</h1>
      <Shown polled={polled} rows={6}>
        {({ workers, recent_seconds }) =>
          workers.length === 0 ? (
            <Empty title="No worker has joined yet">
              <p><code>medley run</code> starts local ones; <code>medley cluster up</code> starts them elsewhere.</p>
            </Empty>
          ) : (
            <div class="scroll">
              <table class="wide">
                <thead>
                  <tr>
                    <th scope="col">Worker</th>
                    <th scope="col">State</th>
                    <th scope="col">Device</th>
                    <th scope="col" class="number">Ranks</th>
                    <th scope="col" class="number">Largest pack</th>
                    <th scope="col" class="number" title="attempts">Running</th>
                    <th scope="col" class="number" title="attempts">Finished</th>
                    <th scope="col" class="number" title="attempts">Failed, lost</th>
                    <th scope="col" class="number" title={`results in the last ${recent_seconds / 60} minutes`}>Trials an hour</th>
                    <th scope="col" class="number">State since</th>
                    <th scope="col">Reason</th>
                  </tr>
                </thead>
                <tbody>
                  {workers.map((worker) => (
                    <tr key={worker.id}>
                      <th scope="row">{worker.name || worker.id}<span class="id" title={worker.id}>{worker.id.slice(0, 12)}</span></th>
                      <td>
                        <Tag kind={worker.state}>{worker.state}</Tag>
                        {control && hasToken() && worker.state === "quarantined" && (
                          <Change path={`workers/${encodeURIComponent(worker.id)}/release`} label="Release" done={polled.again} />
                        )}
                      </td>
                      <td>{worker.device}</td>
                      <td class="number">{worker.ranks}</td>
                      <td class="number">{worker.capacity}</td>
                      <td class="number">{count(worker.attempts.running)}</td>
                      <td class="number">{count(worker.attempts.finished)}</td>
                      <td class={worker.attempts.failed ? "number bad" : "number"}>{count(worker.attempts.failed)}</td>
                      <td class="number">{rate(worker, recent_seconds)}</td>
                      <td class="number" title={`joined ${time(worker.joined_ms)}`}>{time(worker.changed_ms)}</td>
                      <td class="reason" title={worker.reason}>{worker.reason}</td>
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

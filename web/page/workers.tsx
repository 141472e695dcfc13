import type { Worker, WorkerList } from "./api";
import { hasToken } from "./fetch";
import { Change, Empty, Share, Shown, Tag } from "./parts";
import { usePoll } from "./poll";
import { to } from "./route";
import { Name, Table } from "./table";
import type { TableColumn } from "./table";
import { bytes, count, time } from "./text";

/** From the results of the last minutes, or of its life when that is shorter. */
function rate(worker: Worker, seconds: number): string {
  if (worker.state !== "joined" && worker.state !== "away") return "–";
  const life = worker.joined_ms ? (Date.now() - worker.joined_ms) / 1000 : seconds;
  return count(Math.round((3600 * worker.recent_results) / Math.max(10, Math.min(seconds, life))));
}

const percent = (share: number) => `${Math.round(100 * share)} %`;
const none = <span class="none">–</span>;

function Pack({ of }: { of: Worker["pack"] }) {
  if (!of) return none;
  const text = `${count(of.trials)} ${of.trials === 1 ? "trial" : "trials"}, ${percent(of.progress)}`;
  return (
    <>
      <Share of={of.progress} label={`Pack in hand: ${text}`} />
      <a href={to(["trial", of.first_trial])} title={`the first of them: ${of.first_trial}`}>{text}</a>
    </>
  );
}

function Gpu({ of }: { of: Worker["usage"] }) {
  if (!of?.gpu) return none;
  const { busy, memory_used_bytes: used, memory_total_bytes: total } = of.gpu;
  return (
    <>
      {percent(busy)}
      <span class="under">{bytes(used)} of {bytes(total)}</span>
    </>
  );
}

const kStates = ["quarantined", "joined", "away", "left"];

/** Those that need somebody first, those that have left last, each newest first. */
const inOrder = (workers: Worker[]) =>
  [...workers].sort((a, b) => kStates.indexOf(a.state) - kStates.indexOf(b.state) || (b.changed_ms ?? 0) - (a.changed_ms ?? 0));

const columns = (recent: number, control: boolean, again: () => void): TableColumn<Worker>[] => [
  { id: "name", head: "Worker", names: true, cell: (worker) => <><a href={to(["worker", worker.id])}><Name of={worker.name || worker.id} /></a><span class="id" title={worker.id}>{worker.id.slice(0, 12)}</span></> },
  {
    id: "state",
    head: "State",
    class: "state-cell",
    cell: (worker) => (
      <>
        <Tag kind={worker.state}>{worker.state}</Tag>{" "}
        <span class="small" title={`joined ${time(worker.joined_ms)}`}>since {time(worker.changed_ms)}</span>
        {worker.reason && <span class="under reason">{worker.reason}</span>}
        {control && hasToken() && worker.state === "quarantined" && (
          <Change path={`workers/${encodeURIComponent(worker.id)}/release`} label="Release" done={again} />
        )}
        {control && hasToken() && worker.state === "joined" && (
          <>
            <Change path={`workers/${encodeURIComponent(worker.id)}/pause`} label="Pause" done={again} />
            <Change path={`workers/${encodeURIComponent(worker.id)}/leave`} label="Let go" done={again} />
          </>
        )}
      </>
    ),
  },
  {
    id: "device",
    head: "Device",
    class: "device-cell",
    cell: (worker) => (
      <>
        {worker.device}
        <span class="under">{worker.ranks > 1 && `${worker.ranks} ranks, `}packs of {worker.capacity}</span>
        {worker.arithmetic && <span class="under">arithmetic {worker.arithmetic}</span>}
      </>
    ),
  },
  { id: "pack", head: "Pack in hand", class: "pack-cell", cell: (worker) => <Pack of={worker.pack} /> },
  { id: "cpu", head: "CPU", kind: "number", cell: (worker) => (worker.usage ? percent(worker.usage.cpu) : none) },
  { id: "memory", head: "Memory", kind: "number", cell: (worker) => (worker.usage ? bytes(worker.usage.resident_bytes) : none) },
  { id: "gpu", head: "GPU", kind: "number", cell: (worker) => <Gpu of={worker.usage} /> },
  {
    id: "attempts",
    head: "Attempts",
    kind: "number",
    cell: ({ attempts }) => <>{count(attempts.finished)} finished<span class={attempts.failed ? "under bad" : "under"}>{count(attempts.failed)} failed or lost</span></>,
  },
  { id: "rate", head: "Trials an hour", kind: "number", note: `From the results of the last ${recent / 60} minutes.`, cell: (worker) => rate(worker, recent) },
];

/** Why no worker of a launch comes. */
function LaunchErrors({ launches }: { launches: WorkerList["launches"] }) {
  return (
    <>
      {launches.filter((launch) => launch.error).map((launch) => (
        <p class="bad" key={launch.id}>
          Launch {launch.id} ({launch.launcher}): {launch.error}
          {launch.next_start_ms > Date.now() && `; the next start is at ${time(launch.next_start_ms)}`}
        </p>
      ))}
    </>
  );
}

export function WorkersView({ control }: { control: boolean }) {
  const polled = usePoll<WorkerList>("workers", 3);
  return (
    <>
      <h1>Workers</h1>
      <Shown polled={polled} rows={6}>
        {({ workers, recent_seconds, launches }) => (
          <>
            <LaunchErrors launches={launches} />
            {workers.length === 0 ? (
              <Empty title="No worker has joined yet">
                <p><code>medley run</code> starts local ones; <code>medley cluster up</code> starts them elsewhere.</p>
              </Empty>
            ) : (
              <>
                <Table
                  label="Table of workers"
                  class="workers"
                  rows={inOrder(workers)}
                  id={(worker) => worker.id}
                  columns={columns(recent_seconds, control, polled.again)}
                />
                <p class="legend">
                  CPU: time of all threads of the worker’s process, 100 % is one core. GPU: share of the last moments in
                  which it ran a kernel, and memory that is used on it by anybody. Of a gang: its first rank’s.
                </p>
              </>
            )}
          </>
        )}
      </Shown>
    </>
  );
}

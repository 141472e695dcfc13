import type { Worker, WorkerList } from "./api";
import { hasToken } from "./fetch";
import { Change, Empty, Share, Shown, Tag } from "./parts";
import { usePoll } from "./poll";
import { changed, go, to } from "./route";
import { Name, Table } from "./table";
import type { TableColumn } from "./table";
import { bytes, count, time } from "./text";

/** From the results of the last minutes, or of its life when that is shorter. */
function hourly(worker: Worker, seconds: number): number | null {
  if (worker.state !== "joined" && worker.state !== "away") return null;
  const life = worker.joined_ms ? (Date.now() - worker.joined_ms) / 1000 : seconds;
  return (3600 * worker.recent_results) / Math.max(10, Math.min(seconds, life));
}

function rate(worker: Worker, seconds: number): string {
  const results = hourly(worker, seconds);
  return results === null ? "–" : count(Math.round(results));
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

/** What a column sorts by. */
const kNumbers: Record<string, (worker: Worker, recent: number) => number> = {
  progress: (worker) => worker.pack?.progress ?? -1,
  cpu: (worker) => worker.usage?.cpu ?? -1,
  memory: (worker) => worker.usage?.resident_bytes ?? -1,
  gpu: (worker) => worker.usage?.gpu?.busy ?? -1,
  failed: (worker) => worker.attempts.failed,
  rate: (worker, recent) => hourly(worker, recent) ?? -1,
};

/** Those that need somebody first, those that have left last, each newest first; or by a number. */
const inOrder = (workers: Worker[], order: string | null, ascending: boolean, recent: number) =>
  [...workers].sort((a, b) => {
    const number = order === null ? undefined : kNumbers[order];
    const by = number ? (number(b, recent) - number(a, recent)) * (ascending ? -1 : 1) : 0;
    return by || kStates.indexOf(a.state) - kStates.indexOf(b.state) || (b.changed_ms ?? 0) - (a.changed_ms ?? 0);
  });

/** What all of them do together; a click on a state shows its workers alone. */
function Fleet({ workers, recent, chosen, choose }: { workers: Worker[]; recent: number; chosen: string | null; choose: (state: string | null) => void }) {
  const of = (state: string) => workers.filter((worker) => worker.state === state).length;
  const training = workers.filter((worker) => worker.pack);
  const rates = workers.map((worker) => hourly(worker, recent)).filter((one): one is number => one !== null);
  const trials = training.reduce((sum, worker) => sum + worker.pack!.trials, 0);
  return (
    <div class="bar">
      <span class="chips" role="group" aria-label="State">
        <button type="button" class={chosen ? "chip" : "chip marked"} aria-pressed={!chosen} onClick={() => choose(null)}>all <span class="number">{count(workers.length)}</span></button>
        {kStates.filter((state) => of(state) > 0 || chosen === state).map((state) => (
          <button key={state} type="button" class={chosen === state ? "chip marked" : "chip"} aria-pressed={chosen === state} onClick={() => choose(state)}>
            {state} <span class="number">{count(of(state))}</span>
          </button>
        ))}
      </span>
      <span>
        {count(training.length)} of {count(of("joined"))} joined train {count(trials)} {trials === 1 ? "trial" : "trials"}
        {rates.length > 0 && `, ${count(Math.round(rates.reduce((sum, one) => sum + one, 0)))} results an hour`}
      </span>
    </div>
  );
}

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
          <span class="under chips">
            <Change path={`workers/${encodeURIComponent(worker.id)}/pause`} label="Pause" done={again} />
            <Change path={`workers/${encodeURIComponent(worker.id)}/leave`} label="Let go" done={again} />
          </span>
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
  { id: "pack", order: "progress", head: "Pack in hand", class: "pack-cell", cell: (worker) => <Pack of={worker.pack} /> },
  { id: "cpu", order: "cpu", head: "CPU", kind: "number", cell: (worker) => (worker.usage ? percent(worker.usage.cpu) : none) },
  { id: "memory", order: "memory", head: "Memory", kind: "number", cell: (worker) => (worker.usage ? bytes(worker.usage.resident_bytes) : none) },
  { id: "gpu", order: "gpu", head: "GPU", kind: "number", cell: (worker) => <Gpu of={worker.usage} /> },
  {
    id: "attempts",
    order: "failed",
    head: "Attempts",
    kind: "number",
    cell: ({ attempts }) => <>{count(attempts.finished)} finished<span class={attempts.failed ? "under bad" : "under"}>{count(attempts.failed)} failed or lost</span></>,
  },
  { id: "rate", order: "rate", head: "Trials an hour", kind: "number", note: `From the results of the last ${recent / 60} minutes.`, cell: (worker) => rate(worker, recent) },
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

export function WorkersView({ control, query }: { control: boolean; query: URLSearchParams }) {
  const polled = usePoll<WorkerList>("workers", 3);
  const [state, order, ascending] = [query.get("state"), query.get("order"), query.get("ascending") === "1"];
  const set = (changes: Record<string, string | null>) => go(to(["workers"], changed(query, changes)));
  const sorting = { order: order ?? "", reversed: ascending, set: (next: string | null, reversed: boolean) => set({ order: next, ascending: next !== null && reversed ? "1" : null }) };
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
                <Fleet workers={workers} recent={recent_seconds} chosen={state} choose={(one) => set({ state: one })} />
                <Table
                  label="Table of workers"
                  class="workers"
                  sorting={sorting}
                  rows={inOrder(workers.filter((worker) => !state || worker.state === state), order, ascending, recent_seconds)}
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

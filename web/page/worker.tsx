// One worker: what it has in hand, and its log as it is written.
import { useEffect, useRef } from "preact/hooks";

import type { WorkerList, WorkerLog } from "./api";
import { Empty, Shown, Tag } from "./parts";
import { usePoll } from "./poll";
import { to } from "./route";
import { moment } from "./text";
import { useTitle } from "./title";

export function WorkerView({ id }: { id: string }) {
  const worker = usePoll<WorkerList>("workers", 3).data?.workers.find((one) => one.id === id);
  const polled = usePoll<WorkerLog>(`workers/${encodeURIComponent(id)}/log`, 2);
  const name = worker?.name || id;
  useTitle(`Worker ${name}`);
  return (
    <>
      <p class="crumbs"><a href={to(["workers"])}>Workers</a></p>
      <div class="title">
        <h1>{name} <span class="id">{id.slice(0, 12)}</span></h1>
        {worker && <Tag kind={worker.state}>{worker.state}</Tag>}
      </div>
      {worker?.reason && <p class="bad">{worker.reason}</p>}
      {worker?.pack && (
        <p><a href={to(["trial", worker.pack.first_trial])}>{worker.pack.trials} {worker.pack.trials === 1 ? "trial" : "trials"} in hand, {Math.round(100 * worker.pack.progress)} % done</a></p>
      )}
      <section aria-label="Log">
        <h2>Log</h2>
        <Shown polled={polled} rows={10}>
          {(log) =>
            log.file === null
              ? <Empty title="No log of this worker is in the store"><p>Workers that were started by hand write to their own terminal.</p></Empty>
              : <Lines log={log} name={name} />
          }
        </Shown>
      </section>
    </>
  );
}

/** Stays at the end, unless the reader has scrolled up. */
function Lines({ log, name }: { log: WorkerLog; name: string }) {
  const box = useRef<HTMLPreElement>(null);
  const follows = useRef(true);
  useEffect(() => {
    if (box.current && follows.current) box.current.scrollTop = box.current.scrollHeight;
  }, [log]);
  return (
    <div class="log">
      <p class="legend">The last lines of <span class="mono">{log.file}</span>, as they are written. Times are this browser’s.</p>
      <pre
        ref={box}
        tabIndex={0}
        aria-label={`Log of ${name}`}
        onScroll={({ currentTarget: at }) => {
          follows.current = at.scrollTop + at.clientHeight > at.scrollHeight - 20;
        }}
      >
        {log.lines.map(({ text, written_ms }) => `${written_ms === null ? text : moment(written_ms) + text.slice(text.indexOf(" "))}\n`).join("")}
      </pre>
    </div>
  );
}

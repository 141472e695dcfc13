// Small pieces that every view is made of.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type { Column, Comparison, Dataset, Making, Spread, Sweep, WorkerList } from "./api";
import { Refusal, post } from "./fetch";
import type { Polled } from "./poll";
import { usePoll } from "./poll";
import { TokenForm } from "./token";
import { count, counted, share, signed } from "./text";

export function Tag({ kind, children, title }: { kind: string; children: ComponentChildren; title?: string }) {
  return (
    <span class={`tag tag-${kind}`} title={title}>
      {children}
    </span>
  );
}

/** Its coordinator gives its trials to workers. */
export const atWork = (sweep: Sweep) => sweep.state === "queued" || sweep.state === "running";
/** What a sweep of which nothing is trained waits for. */
export const waitsFor = (sweep: Sweep) =>
  sweep.state === "paused" ? "It is paused: workers get its trials once it is resumed."
  : sweep.state === "stopped" ? "It was stopped before."
  : sweep.state === "interrupted" ? "No coordinator is at work on this store."
  : sweep.trials.running > 0 ? "Its first trials are being trained."
  : "Its trials wait for a worker.";
/** Nothing more comes of it by itself. */
export const over = (sweep: Sweep) => sweep.state === "finished" || sweep.state === "failed";

export function DatasetName({ dataset }: { dataset: Dataset }) {
  return (
    <span class="dataset">
      {dataset.name || dataset.fingerprint.slice(0, 12)}
      {dataset.synthetic && (
        <Tag kind="synthetic" title="This dataset was made up: its numbers say nothing about real people.">
          synthetic data
        </Tag>
      )}
    </span>
  );
}

/** A trial's state in one word. */
export const stateOf = (trial: { state: string; running: boolean; outcome: string | null }) =>
  trial.running ? "running" : trial.outcome === "diverged" ? "diverged" : trial.state;

export function Progress({ sweep }: { sweep: Sweep }) {
  const { total, finished, failed, running, diverged } = sweep.trials;
  const part = (n: number) => (total > 0 ? (100 * n) / total : 0);
  const text = `${count(finished)} of ${counted(total, "trial")} finished${running ? `, ${running} running` : ""}${
    failed ? `, ${failed} failed` : ""
  }${diverged ? `, ${diverged} of the finished diverged` : ""}`;
  return (
    <svg class="progress" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label={text}>
      <title>{text}</title>
      <rect class="progress-rest" x="0" y="0" width="100" height="4" />
      <rect class="progress-finished" x="0" y="0" width={part(finished)} height="4" />
      <rect class="progress-failed" x={part(finished)} y="0" width={part(failed)} height="4" />
      <rect class="progress-running" x={part(finished + failed)} y="0" width={part(running)} height="4" />
    </svg>
  );
}

/** "held-out Score". */
export const columnName = (column: Column) => [column.group, column.heading].filter(Boolean).join(" ");

/** A share of one as a bar. Without a label its text stands beside it. */
export function Share({ of, label }: { of: number; label?: string }) {
  return (
    <svg class="progress" viewBox="0 0 100 4" preserveAspectRatio="none" {...(label ? { role: "img", "aria-label": label } : { "aria-hidden": true })}>
      <rect class="progress-rest" x="0" y="0" width="100" height="4" />
      <rect class="progress-finished" x="0" y="0" width={100 * of} height="4" />
    </svg>
  );
}

/** Mean ± SD of the Score; grey where runs of the row are missing. */
export function Mean({ of, incomplete }: { of: Spread | null; incomplete?: boolean }) {
  if (!of || of.mean === null) return <span class="none">–</span>;
  return (
    <span class={incomplete ? "mean mean-incomplete" : "mean"}>
      {share(of.mean)}
      {of.sd !== null && <span class="sd"> ± {share(of.sd)}</span>}
    </span>
  );
}

const kKeys: Record<string, (at: number, last: number) => number> = {
  ArrowDown: (at, last) => Math.min(at + 1, last),
  ArrowUp: (at) => Math.max(at - 1, 0),
  Home: () => 0,
  End: (_, last) => last,
};

/** A button that opens a list below it. Arrow keys move within; Escape returns to the button; it closes when left. */
export function Menu({ label, children, marked }: { label: ComponentChildren; children: ComponentChildren; marked?: boolean }) {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  return (
    <div
      class="menu"
      onFocusOut={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOpen(false);
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape" && open) {
          setOpen(false);
          button.current?.focus();
          return;
        }
        const move = kKeys[event.key];
        const entries = [...(list.current?.querySelectorAll<HTMLElement>("button, input, a") ?? [])];
        if (!move || entries.length === 0) return;
        event.preventDefault();
        entries[move(entries.indexOf(document.activeElement as HTMLElement), entries.length - 1)]?.focus();
      }}
    >
      <button ref={button} type="button" aria-expanded={open} class={marked ? "marked" : undefined} onClick={() => setOpen(!open)}>
        {label} ▾
      </button>
      {open && <div ref={list} class="menu-list" tabIndex={-1}>{children}</div>}
    </div>
  );
}

/** "#3", or the name alone where there is no rank. */
export const ranked = (row: { rank: number | null; name: string }) => (row.rank === null ? row.name : `#${row.rank} ${row.name}`);

/** A paired difference and its 95 % interval. Verdicts belong to planned comparisons. */
export function Difference({ of }: { of: Comparison | null }) {
  if (!of || of.mean === null) return <span class="none">–</span>;
  return (
    <span title={`unadjusted p = ${of.p_unadjusted === null ? "–" : of.p_unadjusted.toPrecision(2)}, ${of.pairs} pairs`}>
      {signed(of.mean)} {of.low !== null && of.high !== null && <span class="small">[{signed(of.low)}, {signed(of.high)}]</span>}
    </span>
  );
}

export function Skeleton({ rows, height = 33 }: { rows: number; height?: number }) {
  return (
    <svg class="skeleton" width="100%" height={rows * height} role="img" aria-label="Loading">
      {Array.from({ length: rows }, (_, i) => (
        <rect key={i} x="0" y={i * height + 10} width={`${90 - ((i * 17) % 40)}%`} height="12" rx="2" />
      ))}
    </svg>
  );
}

/** Loading, failed and empty states of one polled answer; `children` gets the data. */
export function Shown<T>({
  polled,
  rows = 6,
  children,
}: {
  polled: Polled<T>;
  rows?: number;
  children: (data: T) => ComponentChildren;
}) {
  if (polled.data !== null) return <>{children(polled.data)}</>;
  if (polled.error) return <Failed error={polled.error} again={polled.again} />;
  if (polled.making) return <Computing making={polled.making}>This is the first time that this large sweep is looked at.</Computing>;
  return <Skeleton rows={rows} />;
}

/** Its numbers are not there yet. */
export function Computing({ making, children }: { making: Making; children: ComponentChildren }) {
  const { done, of } = making;
  return (
    <div class="note" role="status">
      <strong>Computing{of === null ? "" : `: ${count(done)} of ${counted(of, "config")}`}</strong>
      {of !== null && <p class="making"><Share of={done / of} /></p>}
      <p>{children}</p>
    </div>
  );
}

export function Failed({ error, again }: { error: Refusal; again: () => void }) {
  const title =
    error.status === 404 ? "Not in this store" : error.status === 401 ? "A token is needed" : error.status === 0 ? "No answer" : "This could not be read";
  return (
    <div class="note note-failed" role="alert">
      <strong>{title}</strong>
      <p>{error.message}</p>
      {error.status === 401 && <TokenForm />}
      <button type="button" onClick={again}>
        Try again
      </button>
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="note">
      <strong>{title}</strong>
      {children}
    </div>
  );
}

const kPatience = 4_000;  // ms; a coordinator's own workers start when there is something to train

/** Where a coordinator has trials and nobody to train them: how workers are started. */
export function NoWorkers() {
  const polled = usePoll<WorkerList>("workers", 2);
  const none = polled.data !== null && !polled.data.workers.some((worker) => worker.state === "joined");
  const quarantined = polled.data?.workers.filter((worker) => worker.state === "quarantined").length ?? 0;
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    const timer = none ? window.setTimeout(() => setLate(true), kPatience) : 0;
    return () => window.clearTimeout(timer);
  }, [none]);
  if (!none || !late) return null;
  return (
    <div class="note" role="status">
      <strong>No worker has joined: nothing is trained</strong>
      {quarantined > 0 && <p>{quarantined === 1 ? "One is" : `${quarantined} are`} quarantined; the <a href="#/workers">Workers page</a> says why and releases.</p>}
      <p>
        <code>medley cluster up --launcher local --workers 4</code> starts some on the coordinator’s host, with <code>--launcher slurm</code> or <code>mpirun</code> elsewhere;{" "}
        <code>medley serve --workers 4</code>, started again, brings its own.
      </p>
    </div>
  );
}

/** A button that posts one change and shows what the coordinator said. */
export function Change({ path, label, sure, how = "POST", done }: { path: string; label: string; sure?: string; how?: "POST" | "DELETE"; done: () => void }) {
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState<{ text: string; failed: boolean } | null>(null);
  const [asking, setAsking] = useState(false);
  const run = async () => {
    if (sure && !asking) {
      setAsking(true);
      return;
    }
    setAsking(false);
    setBusy(true);
    try {
      setSaid({ text: await post(path, how), failed: false });
      done();
    } catch (error) {
      setSaid({ text: error instanceof Refusal ? error.message : String(error), failed: true });
    }
    setBusy(false);
  };
  return (
    <span class="change">
      <button type="button" disabled={busy} onClick={run}>
        {asking ? sure : label}
      </button>
      {asking && (
        <button type="button" class="quiet" onClick={() => setAsking(false)}>
          Cancel
        </button>
      )}
      {said && <span class={said.failed ? "said said-failed" : "said"} role="status">{said.text}</span>}
    </span>
  );
}

export function Pager({ offset, shown, total, link, size = 100 }: { offset: number; shown: number; total: number; link: (offset: number) => string; size?: number }) {
  if (total <= size && offset === 0) return null;
  return (
    <nav class="pager" aria-label="Pages">
      {offset > 0 ? <a href={link(Math.max(0, offset - size))}>Previous</a> : <span class="none">Previous</span>}
      <span class="number">
        {count(shown ? offset + 1 : 0)}–{count(offset + shown)} of {count(total)}
      </span>
      {offset + shown < total ? <a href={link(offset + size)}>Next</a> : <span class="none">Next</span>}
    </nav>
  );
}

/** The partition of the dataset itself; others are made. */
export const kOfficial = "official";
/** "5", or "2 repeats of 10". */
export function foldsOf(one: { partitions: string[]; folds: number[] }): string {
  return one.partitions.length > 1 ? `${one.partitions.length} repeats of ${one.folds.length}` : String(one.folds.length);
}

export const kPaperNote = "Paper-style: epoch and thresholds tuned on the reported fold, as papers print it. Optimistic.";
export const kHeldOutNote =
  "Held-out: epoch and thresholds chosen on rows that the score is not taken from.";

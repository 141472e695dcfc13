// Small pieces that every view is made of.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import type { AxisScores, Dataset, Measured, Sweep } from "./api";
import { Refusal, post } from "./api";
import type { Polled } from "./poll";
import { count, share } from "./text";

export function Tag({ kind, children, title }: { kind: string; children: ComponentChildren; title?: string }) {
  return (
    <span class={`tag tag-${kind}`} title={title}>
      {children}
    </span>
  );
}

export function DatasetName({ dataset }: { dataset: Dataset }) {
  return (
    <span class="dataset">
      {dataset.name || dataset.fingerprint.slice(0, 12)}
      {dataset.synthetic && (
        <Tag kind="synthetic" title="This data set was made up: its numbers say nothing about real people.">
          synthetic data
        </Tag>
      )}
    </span>
  );
}

export function Progress({ sweep }: { sweep: Sweep }) {
  const { total, finished, failed, running, diverged } = sweep.trials;
  const part = (n: number) => (total > 0 ? (100 * n) / total : 0);
  const text = `${count(finished)} of ${count(total)} trials finished${running ? `, ${running} running` : ""}${
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

/** Mean and SD on a scale that all rows of a table share. */
export function Interval({ of, low, high, clean }: { of: AxisScores | null; low: number; high: number; clean?: boolean }) {
  const at = (value: number) => 4 + (92 * (value - low)) / Math.max(1e-9, high - low);
  const { mean, sd } = of?.score ?? { mean: null, sd: null };
  return (
    <svg class={clean ? "interval interval-clean" : "interval"} viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">
      <line class="interval-scale" x1="0" x2="100" y1="6" y2="6" />
      {mean !== null && (
        <>
          {sd !== null && (
            <line class="interval-sd" x1={Math.max(0, at(mean - sd))} x2={Math.min(100, at(mean + sd))} y1="6" y2="6" />
          )}
          <line class="interval-mean" x1={at(mean)} x2={at(mean)} y1="1.5" y2="10.5" />
        </>
      )}
    </svg>
  );
}

/** The range that Interval draws: all means and one SD around them. */
export function scoreRange(all: (AxisScores | null)[]): [number, number] {
  const ends: number[] = [];
  for (const one of all) {
    if (one?.score.mean === null || one?.score.mean === undefined) continue;
    const sd = one.score.sd ?? 0;
    ends.push(one.score.mean - sd, one.score.mean + sd);
  }
  return ends.length ? [Math.min(...ends), Math.max(...ends)] : [0, 1];
}

type Metric = "score" | "acc_presence" | "acc_salience";

/** Mean ± SD; grey where trials of the row are missing. */
export function Mean(
  props: { incomplete?: boolean } & ({ of: Measured | null; name: Metric } | { of: AxisScores | null; name: "score" }),
) {
  const value = (props.of as Partial<Measured> | null)?.[props.name];
  if (!value || value.mean === null) return <span class="none">–</span>;
  return (
    <span class={props.incomplete ? "mean mean-incomplete" : "mean"}>
      {share(value.mean)}
      {value.sd !== null && <span class="sd"> ± {share(value.sd)}</span>}
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
  return <Skeleton rows={rows} />;
}

export function Failed({ error, again }: { error: Refusal; again: () => void }) {
  const title =
    error.status === 404 ? "Not in this store" : error.status === 401 ? "A token is needed" : error.status === 0 ? "No answer" : "This could not be read";
  return (
    <div class="note note-failed" role="alert">
      <strong>{title}</strong>
      <p>{error.message}</p>
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

/** A button that posts one change and shows what the coordinator said. */
export function Change({ path, label, sure, done }: { path: string; label: string; sure?: string; done: () => void }) {
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
      setSaid({ text: await post(path), failed: false });
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

export function Pager({ offset, shown, total, link }: { offset: number; shown: number; total: number; link: (offset: number) => string }) {
  const size = 100;
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

export const kPaperNote = "Paper-style: epoch and thresholds tuned on the reported fold, as papers print it. Optimistic.";
export const kCleanNote =
  "Clean: epoch and thresholds chosen on rows that the score is not taken from.";

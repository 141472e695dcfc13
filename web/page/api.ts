// The shapes of /api/v1 (docs/api.md), and the one way to ask for them.

export interface Dataset {
  fingerprint: string;
  name: string;
  synthetic: boolean;
}

export interface Sweep {
  id: string;
  name: string;
  dataset: Dataset;
  spec_file: string;
  state: "running" | "paused" | "stopped" | "finished";
  priority: number;
  created_ms: number | null;
  ended_ms: number | null;
  folds: number[];
  seeds: number[];
  axes: Record<string, unknown>;
  configs: number;
  trials: { total: number; finished: number; diverged: number; failed: number; running: number; waiting: number };
  best_paper_score: number | null;
  training_seconds: number;
  eta_seconds: number | null;
}

export interface SweepList {
  sweeps: (Sweep & {
    best: { config: string; name: string; score: number; interval: [number | null, number | null]; protocol: "held-out" | "paper"; complete: boolean } | null;
  })[];
  workers: number;
}

export interface StoreHealth {
  database_bytes: number;
  free_bytes: number | null;
  written_ms: number;
  coordinator: boolean;
}

export interface Accuracy {
  acc_presence: number;
  acc_salience: number;
  score: number;
}

export interface Spread {
  mean: number | null;
  sd: number | null;
}

/**
 * Numbers of one protocol. Paper-style: n trials (folds x seeds), SD over them. Held-out: hits pooled over the folds of a
 * seed, n seeds, SD over seeds (of the Score only).
 */
export interface Measured {
  n: number;
  acc_presence: Spread;
  acc_salience: Spread;
  score: Spread;
  /** 95 % of the mean Score; corrected resampled t, folds as blocks. */
  interval: [number | null, number | null];
}

export interface Comparison {
  pairs: number;
  mean: number | null;
  p: number | null;
  interval: (number | null)[];
  verdict: string;
}

export interface LeaderboardRow {
  rank: number;
  config: string;
  name: string;
  axis_values: Record<string, unknown>;
  axis_texts: Record<string, string>;
  settings: Record<string, unknown>;
  pinned: boolean;
  note: string;
  tags: string[];
  expected: number;
  finished: number;
  diverged: number;
  transductive: boolean;
  failed: number;
  complete: boolean;
  paper: Measured | null;
  held_out: Measured | null;
  no_held_out: string;
  optimism: number | null;
  against_best: Comparison | null;
  against_reference: Comparison | null;
  mean_seconds: number | null;
}

export interface Leaderboard {
  sweep: string;
  ranked_by: "held_out_score" | "paper_score";
  compared: "held-out" | "paper";
  best: string | null;
  reference: string | null;
  synthetic: boolean;
  axes: string[];
  axis_values: Record<string, { value: string; text: string }[]>;
  /** Of any config of the sweep. */
  tags: string[];
  rows: LeaderboardRow[];
  total: number;
  configs: number;
  offset: number;
  next_offset: number | null;
}

export interface AxisScores {
  n: number;
  score: Spread;
}

export interface AxisValue {
  value: unknown;
  text: string;
  configs: number;
  trials: number;
  complete: boolean;
  paper: AxisScores | null;
  held_out: AxisScores | null;
  best_config: string;
  best_paper_score: number | null;
}

export interface AxisImportance {
  share: number | null;
  configs: number;
  lowest: number | null;
  highest: number | null;
}

export interface Axes {
  sweep: string;
  ranked_by: string;
  axes: { name: string; values: AxisValue[]; importance: AxisImportance | null }[];
}

/** A paired comparison with everything that the test says. */
export interface FullComparison {
  pairs: number;
  mean: number | null;
  standard_error: number | null;
  p: number | null;
  low: number | null;
  high: number | null;
  verdict: string;
}

export interface PlannedComparison {
  value: unknown;
  text: string;
  held_text: Record<string, string>;
  config: string;
  baseline_config: string;
  transductive: boolean;
  runs: number;
  pairs: number;
  diverged: number;
  held_out: FullComparison | null;
  paper: FullComparison | null;
  holm_p: number | null;
  verdict: string;
  more_seeds: number | null;
}

export interface PlannedComparisons {
  sweep: string;
  families: {
    axis: string;
    baseline_text: string;
    margin: number;
    judged_by: "held-out" | "paper";
    comparisons: PlannedComparison[];
  }[];
  errors: string[];
}

export interface Subsets {
  sweep: string;
  ranked_by: string;
  encoders: string[];
  rows: {
    has: boolean[];
    configs: number;
    best_config: string;
    name: string;
    score: number;
    interval: [number | null, number | null];
    complete: boolean;
  }[];
  effects: { encoder: string; pairs: number; difference: FullComparison | null }[];
}

export interface Cross {
  sweep: string;
  ranked_by: string;
  row_axis: string;
  column_axis: string;
  rows: string[];
  columns: string[];
  cells: { configs: number; score: number | null; best: number | null; complete: boolean }[];
}

export interface CountedSpread {
  count: number;
  mean: number | null;
  sd: number | null;
}

export interface MeasuredScore {
  config: string;
  held_out: number | null;
  paper: number | null;
  interval_of: "held-out" | "paper";
  low: number | null;
  high: number | null;
}

export interface EncoderSummary {
  encoder: string;
  modality: string;
  weight: CountedSpread;
  selected: CountedSpread;
  ranks: number[];
  mean_rank: number;
  quantiles: number[];
  histogram: number[];
  by_fold: (CountedSpread & { fold: number })[];
  loss_without: (FullComparison & { config: string; protocol: "held-out" | "paper" }) | null;
  alone: MeasuredScore | null;
  shapley: number | null;
}

export interface ImportanceReport {
  sweep: string;
  synthetic: boolean;
  config: string;
  settings: Record<string, unknown>;
  transductive: boolean;
  trials: number;
  expected: number;
  folds: number[];
  all_folds: number[];
  chance: number | null;
  kendall_w: number | null;
  spearman_gate_and_loss: number | null;
  spearman_gate_and_alone: number | null;
  encoders: EncoderSummary[];
  modalities: { modality: string; encoders: number; share: CountedSpread; quantiles: number[] }[];
  cka: number[];
  effect_of_n: { selection: string; constant: boolean; points: (MeasuredScore & { n: number })[] }[];
  configs: { config: string; name: string; encoders: number; complete: boolean }[];
}

export interface Figures {
  config: string;
  figures: { name: string; csv: string; svg: string }[];
  missing: string[];
}

export interface Surface {
  protocol: string;
  epoch: number;
  grid: number[];
  clips: number;
  blends: number;
  chosen: { alpha: number; beta: number };
  acc_presence: number[][];
  acc_salience: number[][];
  score: number[][];
}

export interface Confusion {
  clips: number;
  sets: string[];
  counts: number[][];
}

export interface Clips {
  protocol: string;
  classes: string[];
  encoders: string[];
  rows: {
    clip: string;
    actor: string;
    truth: string;
    predicted: string;
    set_right: boolean;
    right: boolean;
    probabilities: number[];
    weights: number[];
  }[];
  total: number;
  offset: number;
  next_offset: number | null;
}

export interface AttemptSpan {
  trial: string;
  number: number;
  worker: string;
  worker_name: string;
  pack: number;
  state: Attempt["state"];
  started_ms: number | null;
  ended_ms: number | null;
}

export interface EnsembleHead {
  id: number;
  name: string;
  method: string;
  sweep: string | null;
  sweep_name: string | null;
  dataset: Dataset;
  protocol: "held-out" | "paper";
  members: number;
  created_ms: number;
  optimistic: Accuracy | null;
  nested: Accuracy | null;
  best_single_nested: Accuracy | null;
  nested_interval: { level: number; score: [number, number] } | null;
  transductive: boolean;
}

export interface EnsembleList {
  ensembles: EnsembleHead[];
  /** Newest first. */
  fits: { sweep: string; since_ms: number; ended: boolean; ensemble?: number; error?: string }[];
}

export interface WeightShare {
  encoder?: string;
  modality?: string;
  share: number;
  range: [number, number];
}

export interface Ensemble extends EnsembleHead {
  settings: Record<string, unknown>;
  weights: { config: string; name: string; seeds: number[]; weight: number }[];
  shares: { encoders?: WeightShare[]; modalities?: WeightShare[] };
  folds: (Accuracy & { fold: number; alpha: number; beta: number })[];
  candidates: number | null;
  actors: number | null;
  trials: { trial: string; weight: number }[];
  exports: { id: number; file: string; sha256: string; clips: number | null; predicted_blends: number | null; created_ms: number }[];
}

export interface DatasetDetails extends Dataset {
  folder: string;
  classes: string[];
  folds: number[];
  clips: number;
  test_clips: number;
  encoders: { name: string; modality: string; dim: number }[];
}

export interface SpecError {
  line: number;
  column: number;
  text: string;
  message: string;
}

export interface PlanAnswer {
  done: boolean;
  message?: string;
  error?: string;
  errors?: SpecError[];
  warnings?: SpecError[];
  plan?: {
    sweep: string;
    configs: number;
    folds: number[];
    seeds: number[];
    trials: number;
    done: number;
    left: number;
    duplicates: number;
    impossible: number;
    axes: { setting: string; values: { value: string; configs: number; trials: number; done: number }[] }[];
  };
  sweep?: string;
}

export interface TrialRow {
  id: string;
  config: string;
  fold: number;
  seed: number;
  state: "pending" | "finished" | "failed";
  running: boolean;
  outcome: "finished" | "diverged" | null;
  attempts: number;
  worker: string;
  reason: string;
  paper: { epoch: number; accuracy: Accuracy } | null;
  seconds: number | null;
  ended_ms: number | null;
}

export interface TrialList {
  sweep: string;
  trials: TrialRow[];
  total: number;
  offset: number;
  next_offset: number | null;
}

export interface Attempt {
  number: number;
  worker: string;
  worker_name: string;
  pack: number;
  state: "running" | "finished" | "failed" | "lost" | "cancelled";
  reason: string;
  started_ms: number | null;
  ended_ms: number | null;
}

export interface AttemptLog {
  attempt: number;
  worker: string;
  worker_name: string;
  file: string | null;
  lines: { text: string; written_ms: number | null; during: boolean }[];
}

export interface EncoderImportance {
  encoder: string;
  modality: string;
  mean: number;
  sd: number;
  quantiles: number[];
  histogram: number[];
  selection_frequency: number;
  ranks: number[];
}

export interface Curves {
  epoch: number[];
  loss: (number | null)[];
  validation_loss: (number | null)[];
  acc_presence: (number | null)[];
  acc_salience: (number | null)[];
  score: (number | null)[];
  /** Unweighted terms of the training loss. */
  terms: { name: string; values: (number | null)[] }[];
}

export interface Trial {
  id: string;
  config: string;
  fold: number;
  seed: number;
  dataset: Dataset;
  settings: { name: string; value: unknown; text: string; unit: string; meaning: string }[];
  state: "pending" | "finished" | "failed";
  running: boolean;
  reason: string;
  attempts: Attempt[];
  sweeps: { id: string; name: string }[];
  ended_ms: number | null;
  result: null | {
    outcome: "finished" | "diverged";
    reason: string;
    paper: null | { epoch: number; thresholds: { alpha: number; beta: number }; accuracy: Accuracy };
    held_out: null | { epoch: number; thresholds: { alpha: number; beta: number } | null; accuracy: Accuracy | null };
    epochs: number;
    curves: Curves;
    importance: { encoders: EncoderImportance[]; cka: number[] };
    validation_clips: number;
    seconds: number;
    samples_per_second: number;
    peak_memory_bytes: number;
    pack_size: number;
  };
}

export interface Worker {
  id: string;
  name: string;
  device: string;
  ranks: number;
  capacity: number;
  version: string;
  state: "joined" | "away" | "quarantined" | "left";
  reason: string;
  joined_ms: number | null;
  changed_ms: number | null;
  attempts: { running: number; finished: number; failed: number };
  recent_results: number;
  /** Null when it has none, and where no coordinator runs. */
  pack: { trials: number; first_trial: string; progress: number } | null;
  /** Of its newest heartbeat; of a gang, the first rank's. */
  usage: {
    /** 1 is one core. */
    cpu: number;
    resident_bytes: number;
    gpu: { busy: number; memory_used_bytes: number; memory_total_bytes: number } | null;
  } | null;
}

export interface Health {
  status: string;
  version: string;
  store: boolean;
  control: boolean;
}

export interface LogEntry {
  id: number;
  time_ms: number;
  kind: string;
  subject: string;
  text: string;
}

/** What the server answered when it could not do what was asked. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const kTokenKey = "medley-token";

/** The printed address carries the token once, after # or ?; it is kept for this tab and leaves the address bar. */
export function takeToken(): void {
  const address = new URL(location.href);
  const inHash = /^#token=([^&]+)$/.exec(address.hash);
  const token = inHash ? decodeURIComponent(inHash[1]!) : address.searchParams.get("token");
  if (!token) return;
  sessionStorage.setItem(kTokenKey, token);
  address.searchParams.delete("token");
  if (inHash) address.hash = "";
  history.replaceState(null, "", address.pathname + address.search + address.hash);
}

export function hasToken(): boolean {
  return sessionStorage.getItem(kTokenKey) !== null;
}

async function send(path: string, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  const token = sessionStorage.getItem(kTokenKey);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let response: Response;
  try {
    response = await fetch(`/api/v1/${path}`, { ...init, headers, cache: "no-cache" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refusal(0, "The server does not answer. It may have ended: start it again with `medley serve`.");
  }
  if (response.ok || response.status === 422) return response;  // 422 carries the errors of a sweep file
  let message = `The server answered ${response.status}.`;
  try {
    message = ((await response.json()) as { error?: string }).error ?? message;
  } catch {
    // Not JSON: an answer of something between us and the server.
  }
  throw new Refusal(response.status, message);
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await send(path, signal ? { signal } : {})).json()) as T;
}

/** What a refused change says beside its error: the errors of a sweep file. */
export async function change<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const headers = { "Content-Type": "application/json" };
  const response = await send(path, { method: "POST", body: JSON.stringify(body), headers, ...(signal ? { signal } : {}) });
  return (await response.json()) as T;
}

export async function post(path: string): Promise<string> {
  return (await change<{ message: string }>(path, {})).message;
}

/** Fetched with the token and handed over as a file: a plain link could not carry the token. */
export async function download(path: string, name: string): Promise<void> {
  const blob = await (await send(path, {})).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

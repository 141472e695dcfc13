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
  sweeps: Sweep[];
  workers: number;
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
 * Numbers of one protocol. Paper-style: n trials (folds x seeds), SD over them. Clean: hits pooled over the folds of a
 * seed, n seeds, SD over seeds (of the Score only).
 */
export interface Measured {
  n: number;
  acc_presence: Spread;
  acc_salience: Spread;
  score: Spread;
}

export interface Comparison {
  pairs: number;
  mean: number;
  p: number;
  interval: (number | null)[];
  verdict: string;
}

export interface LeaderboardRow {
  rank: number;
  config: string;
  axis_values: Record<string, unknown>;
  settings: Record<string, unknown>;
  expected: number;
  finished: number;
  diverged: number;
  transductive: boolean;
  failed: number;
  complete: boolean;
  paper: Measured | null;
  clean: Measured | null;
  no_clean: string;
  optimism: number | null;
  against_best: Comparison | null;
  mean_seconds: number | null;
}

export interface Leaderboard {
  sweep: string;
  ranked_by: "clean_score" | "paper_score";
  compared: "clean" | "paper";
  best: string | null;
  synthetic: boolean;
  axes: string[];
  rows: LeaderboardRow[];
  total: number;
  offset: number;
  next_offset: number | null;
}

export interface AxisScores {
  n: number;
  score: Spread;
}

export interface AxisValue {
  value: unknown;
  configs: number;
  trials: number;
  complete: boolean;
  paper: AxisScores | null;
  clean: AxisScores | null;
  best_config: string;
  best_paper_score: number | null;
}

export interface Axes {
  sweep: string;
  axes: { name: string; values: AxisValue[] }[];
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
  [name: string]: (number | null)[];
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
  sweeps: string[];
  ended_ms: number | null;
  result: null | {
    outcome: "finished" | "diverged";
    reason: string;
    paper: null | { epoch: number; thresholds: { alpha: number; beta: number }; accuracy: Accuracy };
    clean: null | { epoch: number; thresholds: { alpha: number; beta: number } | null; accuracy: Accuracy | null };
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
  if (response.ok) return response;
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

export async function post(path: string): Promise<string> {
  const response = await send(path, { method: "POST", body: "{}", headers: { "Content-Type": "application/json" } });
  return ((await response.json()) as { message: string }).message;
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

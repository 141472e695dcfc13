// Everything on the page is asked for again and again: no open streams. While the tab is hidden nothing is asked.
import { useEffect, useRef, useState } from "preact/hooks";

import type { Making } from "./api";
import { get, NotYet, Refusal } from "./fetch";

export interface Polled<T> {
  data: T | null;
  /** Of the newest answer; with `data` still set, `data` is stale. */
  error: Refusal | null;
  /** The server computes the first answer still. */
  making: Making | null;
  again: () => void;
}

/** When each address last answered, and whether the newest request failed: the top bar shows it. */
export interface Freshness {
  at: number | null;
  error: Refusal | null;
}
let freshness: Freshness = { at: null, error: null };
const watchers = new Set<(freshness: Freshness) => void>();

function report(error: Refusal | null): void {
  const reachable = error === null || error.status !== 0;
  freshness = { at: reachable ? Date.now() : freshness.at, error: reachable ? null : error };
  for (const watcher of watchers) watcher(freshness);
}

export function useFreshness(): Freshness {
  const [value, set] = useState(freshness);
  useEffect(() => {
    watchers.add(set);
    return () => void watchers.delete(set);
  }, []);
  return value;
}

/** The same view asked with other choices: what is shown stays until the new answer is there. */
function alike(a: string | null, b: string | null): boolean {
  return a !== null && b !== null && a.split("?")[0] === b.split("?")[0];
}

/** `path` null asks nothing. `seconds` 0 asks once. */
export function usePoll<T>(path: string | null, seconds: number): Polled<T> {
  const [state, set] = useState<{ path: string | null; data: T | null; error: Refusal | null; making: Making | null }>({
    path,
    data: null,
    error: null,
    making: null,
  });
  const [asked, ask] = useState(0);
  const failures = useRef(0);
  useEffect(() => {
    if (path === null) return;
    const abort = new AbortController();
    let timer = 0;
    let busy = false;
    const once = async () => {
      if (busy) return;
      busy = true;
      window.clearTimeout(timer);
      let making = false;
      try {
        const data = await get<T>(path, abort.signal);
        if (abort.signal.aborted) return;
        failures.current = 0;
        set({ path, data, error: null, making: null });
        report(null);
      } catch (error) {
        if (abort.signal.aborted) return;
        making = error instanceof NotYet;
        if (error instanceof NotYet) {
          failures.current = 0;
          set((old) => ({ path, data: old.path === path ? old.data : null, error: null, making: error.making }));
          report(null);
        } else {
          const refusal = error instanceof Refusal ? error : new Refusal(0, "The server's answer was cut off.");
          failures.current += 1;
          set((old) => ({ path, data: old.path === path ? old.data : null, error: refusal, making: null }));
          report(refusal);
        }
      }
      busy = false;
      const wait = making ? 1 : failures.current > 0 ? Math.min(30, 2 ** failures.current) : seconds;
      if (wait > 0 && !document.hidden) timer = window.setTimeout(once, wait * 1000);
    };
    const shown = () => {
      if (!document.hidden && seconds > 0) void once();
    };
    document.addEventListener("visibilitychange", shown);
    void once();
    return () => {
      abort.abort();
      window.clearTimeout(timer);
      document.removeEventListener("visibilitychange", shown);
    };
  }, [path, seconds, asked]);
  return {
    data: alike(state.path, path) ? state.data : null,
    error: state.path === path ? state.error : null,
    making: state.path === path ? state.making : null,
    again: () => ask((n) => n + 1),
  };
}

const kAtOnce = 4;   // the server answers 8 at a time
const kKept = 1000;  // answers
const kept = new Map<string, unknown>();

/** Answers that change no more (of finished trials), asked for once and few at a time: those that are there so far. */
export function useAll<T>(paths: string[]): { data: Map<string, T>; left: number; error: Refusal | null } {
  const [, redraw] = useState(0);
  const [error, setError] = useState<Refusal | null>(null);
  useEffect(() => {
    const abort = new AbortController();
    const waiting = paths.filter((path) => !kept.has(path));
    setError(null);
    const worker = async () => {
      for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
        try {
          const answer = await get<T>(path, abort.signal);
          if (kept.size >= kKept) kept.delete(kept.keys().next().value!);
          kept.set(path, answer);
        } catch (failure) {
          if (abort.signal.aborted) return;
          if (failure instanceof NotYet) {
            waiting.push(path);
            await new Promise((done) => setTimeout(done, 1000));
            continue;
          }
          waiting.length = 0;
          setError(failure instanceof Refusal ? failure : new Refusal(0, "The server's answer was cut off."));
        }
        if (abort.signal.aborted) return;
        redraw((n) => n + 1);
      }
    };
    for (let i = 0; i < kAtOnce; ++i) void worker();
    return () => abort.abort();
  }, [paths.join("\n")]);
  const data = new Map(paths.filter((path) => kept.has(path)).map((path) => [path, kept.get(path) as T]));
  return { data, left: paths.length - data.size, error };
}

// Configs in words, wherever an answer has only their ids.
import type { Leaderboard } from "./api";
import { usePoll } from "./poll";
import { to } from "./route";
import { Name } from "./table";

const kMostAsked = 100;  // that the leaderboard takes

/** Names by id; empty until the answer is there. */
export function useNames(sweep: string | undefined, configs: string[]): Map<string, string> {
  const asked = [...new Set(configs)].sort().slice(0, kMostAsked);
  const polled = usePoll<Leaderboard>(sweep && asked.length ? `sweeps/${sweep}/leaderboard?limit=${kMostAsked}&configs=${asked.join("|")}` : null, 0);
  return new Map(polled.data?.rows.map((row) => [row.config, row.name]));
}

export function ConfigLink({ sweep, config, names, most }: { sweep: string; config: string; names: Map<string, string>; most?: number }) {
  return <a href={to(["sweep", sweep, "config", config])}><Name of={names.get(config) ?? config} {...(most ? { most } : {})} /></a>;
}

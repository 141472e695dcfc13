// A sweep at a glance: what it found, the best configs, its planned comparisons, what its search decided.
import type { Leaderboard, LeaderboardRow, PlannedComparison, PlannedComparisons, Progress, Rounds, Sweep } from "./api";
import { rankedScore } from "./leaderboard";
import { LiveRuns } from "./live";
import { ConfigLink, useNames } from "./names";
import { Empty, Shown, ranked, waitsFor } from "./parts";
import { Plot, errorBars, legend, nameAxis, valueAxis } from "./plot";
import { usePoll } from "./poll";
import { go, to } from "./route";
import { Table } from "./table";
import { count, counted, middle, share, signed, time } from "./text";

const kBest = 15;
const kRows = 100;  // that are asked for: pinned ones come first

export function OverviewTab({ sweep }: { sweep: Sweep }) {
  const polled = usePoll<Leaderboard>(`sweeps/${sweep.id}/leaderboard?limit=${kRows}`, 5);
  return (
    <section aria-label="Overview">
      <Shown polled={polled} rows={12}>
        {(board) => (
          <>
            <p class="finding">{board.finding.text.charAt(0).toUpperCase() + board.finding.text.slice(1)}.</p>
            {board.failures.map(({ reason, trials }) => (
              <p key={reason} class="bad">{count(trials)} {trials === 1 ? "trial" : "trials"} failed: {reason}</p>
            ))}
            <LiveRuns sweep={sweep} />
            <Best sweep={sweep} board={board} />
            <Planned sweep={sweep} />
            {sweep.search && <Decisions sweep={sweep} />}
            <BestSoFar sweep={sweep} />
          </>
        )}
      </Shown>
    </section>
  );
}

function Best({ sweep, board }: { sweep: Sweep; board: Leaderboard }) {
  const heldOut = board.ranked_by === "held-out";
  const rows = board.rows.filter((row) => row.rank !== null).sort((a, b) => a.rank! - b.rank!).slice(0, kBest);
  if (rows.length === 0) return <Empty title="No config has a Score yet">{sweep.trials.finished === 0 && <p>{waitsFor(sweep)}</p>}</Empty>;
  const paper = (i: number) => rows[i]!.values["paper_score"] ?? null;
  const text = (i: number) => {
    const { mean, low, high } = rankedScore(board, rows[i]!);
    return [
      ranked(rows[i]!),
      `${heldOut ? "held-out" : "paper-style"} Score ${share(mean)}  [${share(low)}, ${share(high)}]`,
      ...(heldOut ? [`paper-style (optimistic) ${share(paper(i))}`] : []),
      ...(rows[i]!.complete ? [] : [runsOf(rows[i]!)]),
    ].join("\n");
  };
  // A mean of some of the runs is not shown as if it were that of all.
  const runsOf = (row: LeaderboardRow) => `${row.values["runs_done"] ?? 0} of ${row.values["runs_expected"] ?? 0} runs`;
  const named = (row: LeaderboardRow) => (row.complete ? ranked(row) : `#${row.rank} (${runsOf(row)}) ${row.name}`);
  const tooltip = { formatter: ({ value }: { value: [number, number] }) => text(value[1]) };
  return (
    <>
      <h2>{rows.length < board.configs ? `Best ${rows.length} of ${count(board.configs)} configs` : "Configs"}</h2>
      <Plot
        title={`${heldOut ? "Held-out Score with its 95 % interval; hollow: paper-style Score (optimistic)" : "Paper-style Score (optimistic) with its 95 % interval"}`}
        name={`${sweep.id}-best`}
        height={64 + 22 * rows.length}
        data={rows.map((row) => [row.config, row.rank, row.values, row.complete])}
        onClick={(event) => {
          const row = rows[(event.data as { value?: number[] }).value?.[1] ?? -1];
          if (row) go(to(["sweep", sweep.id, "config", row.config]));
        }}
        build={(p) => ({
          grid: { left: 10, right: 20, top: 6, bottom: 42, containLabel: true },
          xAxis: valueAxis(p, "Score", { scale: true, axisLabel: { color: p.muted, fontSize: 11, formatter: share, hideOverlap: true } }),
          yAxis: nameAxis(p, rows.map(named), { inverse: true }),
          tooltip,
          series: [
            errorBars(p.series(1), rows.map((row, i) => { const { low, high } = rankedScore(board, row); return [low, high, i]; }), { lying: true, text: (value) => text(value[2]!) }),
            ...(heldOut ? [{ type: "scatter", symbolSize: 7, ...p.mark(1, true), data: rows.map((_, i) => ({ value: [paper(i), i] })) }] : []),
            { type: "scatter", symbolSize: 8, z: 4, ...p.mark(1, !heldOut), data: rows.map((row, i) => ({ value: [rankedScore(board, row).mean, i] })) },
          ],
        })}
        cells={{
          head: ["Config", `${board.ranked_by} Score`, "95 % interval", ...(heldOut ? ["paper-style Score"] : [])],
          rows: rows.map((row, i) => {
            const { mean, low, high } = rankedScore(board, row);
            return [named(row), share(mean), `[${share(low)}, ${share(high)}]`, ...(heldOut ? [share(paper(i))] : [])];
          }),
        }}
        note="Intervals are of each config by itself: whether two differ, paired differences say. A click opens the config."
      />
    </>
  );
}

const kLists: [string, string[], string][] = [
  ["Helps", ["helps"], "good"],
  ["Hurts", ["hurts"], "bad"],
];

function Planned({ sweep }: { sweep: Sweep }) {
  const polled = usePoll<PlannedComparisons>(`sweeps/${sweep.id}/comparisons`, 10);
  if (!polled.data || polled.data.families.length === 0) return null;
  const all = polled.data.families.flatMap((family) => family.comparisons.map((row) => ({
    row,
    effect: family.judged_by === "held-out" ? row.held_out : row.paper,
    text: textOf(family.axis, family.baseline_text, row),
  }))).sort((a, b) => Math.abs(b.effect?.mean ?? 0) - Math.abs(a.effect?.mean ?? 0));
  const listed = kLists.map(([title, verdicts, kind]) => ({ title, kind, some: all.filter(({ row }) => verdicts.includes(row.verdict)) }));
  const rest = all.filter(({ row }) => !kLists.some(([, verdicts]) => verdicts.includes(row.verdict)));
  return (
    <>
      <h2>Planned comparisons</h2>
      <div class="lists">
        {[...listed, { title: "Undecided or equivalent", kind: "", some: rest }].map(({ title, kind, some }) => (
          <div key={title}>
            <h3 class={kind || undefined}>{title} ({some.length})</h3>
            {some.length === 0 && <p class="none">None</p>}
            <ul>
              {some.map(({ row, effect, text }) => (
                <li key={row.config + row.baseline_config + text}>
                  <a href={to(["sweep", sweep.id, "compare"], { configs: `${row.baseline_config}|${row.config}`, reference: row.baseline_config })}>{text}</a>
                  <span class="tabular small">
                    {signed(effect?.mean)}{effect?.low != null && ` [${signed(effect.low)}, ${signed(effect.high)}]`}
                    {kind === "" && ` ${row.verdict}`}
                  </span>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </div>
      <p class="legend">Differences of paired Scores with their 95 % intervals, largest first; verdicts by Holm over each family. <a href={to(["sweep", sweep.id, "ablations"])}>All of them with their p values</a></p>
    </>
  );
}

function textOf(axis: string, baseline: string, row: PlannedComparison): string {
  const held = Object.entries(row.held_text).filter(([, value]) => value).map(([name, value]) => `${name} ${value}`);
  return `${axis} ${row.text} against ${baseline}${held.length ? `, ${held.join(", ")}` : ""}`;
}

function Decisions({ sweep }: { sweep: Sweep }) {
  const polled = usePoll<Rounds>(`sweeps/${sweep.id}/rounds`, 10);
  const decisions = polled.data?.rounds.flatMap((round) => round.decisions.map((one) => ({ ...one, round: round.number, at: round.decided_ms }))).reverse() ?? [];
  const names = useNames(sweep.id, decisions.flatMap((one) => [one.config, ...(one.against ? [one.against] : [])]));
  if (decisions.length === 0) return null;
  return (
    <>
      <h2>Decisions of the search</h2>
      <Table
        label="Decisions of the search"
        rows={decisions}
        id={(one) => `${one.round} ${one.config}`}
        columns={[
          { id: "config", head: "Config", names: true, cell: (one) => <ConfigLink sweep={sweep.id} config={one.config} names={names} /> },
          { id: "round", head: "Round", kind: "number", cell: (one) => one.round },
          { id: "kind", head: "Decision", cell: (one) => one.kind },
          { id: "runs", head: "Runs", kind: "number", cell: (one) => one.runs },
          { id: "against", head: "Against", cell: (one) => (one.against ? <ConfigLink sweep={sweep.id} config={one.against} names={names} /> : "–") },
          {
            id: "difference",
            head: "Difference",
            kind: "number",
            note: "Of held-out Scores, the config less the other, with an interval that is valid under stopping.",
            cell: (one) => (one.difference === null ? "–" : `${signed(one.difference)} [${signed(one.low)}, ${signed(one.high)}]`),
          },
          { id: "at", head: "Decided", kind: "number", cell: (one) => time(one.at) },
        ]}
      />
    </>
  );
}

/** The Score of every config when its last run ended, and the best by then. */
function BestSoFar({ sweep }: { sweep: Sweep }) {
  const polled = usePoll<Progress>(`sweeps/${sweep.id}/progress`, 10);
  const points = polled.data?.configs ?? [];
  if (!polled.data || points.length < 2) return null;
  const { ranked_by, total } = polled.data;
  return (
    <>
      <h2>Best so far</h2>
      <Plot
        title={`${ranked_by === "held-out" ? "Held-out" : "Paper-style (optimistic)"} Score of each config when its last run ended`}
        name={`${sweep.id}-best-so-far`}
        height={260}
        data={points}
        onClick={(event) => {
          const point = event.seriesIndex === 1 ? points[event.dataIndex] : undefined;
          if (point) go(to(["sweep", sweep.id, "config", point.config]));
        }}
        build={(p) => ({
          grid: { left: 56, right: 20, top: 30, bottom: 30 },
          legend: legend(p),
          xAxis: { type: "time", axisLine: { lineStyle: { color: p.line } }, axisLabel: { color: p.muted, fontSize: 11, hideOverlap: true }, splitLine: { show: false } },
          yAxis: valueAxis(p, "", { scale: true, axisLabel: { color: p.muted, fontSize: 11, formatter: share } }),
          tooltip: { formatter: ({ seriesIndex, dataIndex }: { seriesIndex: number; dataIndex: number }) => (seriesIndex === 1 ? `${middle(points[dataIndex]!.name, 70)}\n${share(points[dataIndex]!.score)}\n${time(points[dataIndex]!.ended_ms)}` : `best so far ${share(points[dataIndex]!.best)}`) },
          series: [
            { type: "line", name: "best so far", step: "end", showSymbol: false, ...p.stroke(2), color: p.series(2), data: points.map(({ ended_ms, best }) => [ended_ms, best]) },
            { type: "scatter", name: "configs", symbolSize: 7, color: p.series(1), data: points.map(({ ended_ms, score }) => [ended_ms, score]) },
          ],
        })}
        cells={{ head: ["Config", "Score", "Best so far", "Ended"], rows: points.map((one) => [one.name, share(one.score), share(one.best), time(one.ended_ms)]) }}
        note={total > points.length ? `${count(points.length)} of ${counted(total, "config")}, evenly spaced by when they ended.` : ""}
      />
    </>
  );
}

// Two to ten configs side by side.
import type { Confusion, Leaderboard, LeaderboardRow, TrialList } from "./api";
import { RunCurves } from "./curves";
import { MarkLabels, Pin } from "./marks";
import { Difference, Empty, Failed, Shown, Skeleton, columnName, ranked } from "./parts";
import { Plot, errorBars, legend, matrixAxes, nameAxis, valueAxis } from "./plot";
import { useAll, usePoll } from "./poll";
import { changed, go, to } from "./route";
import { Name, Scroll } from "./table";
import { counted, share, signed, valueText } from "./text";

const kMoreIsBetter = /_score$/;  // columns
const kMostShared = 30;  // runs of each config in a difference of confusions

const score = (row: LeaderboardRow, heldOut: boolean) => row.values[heldOut ? "held_out_score" : "paper_score"] ?? null;
const ends = (row: LeaderboardRow, heldOut: boolean) =>
  ["low", "high"].map((end) => row.values[`${heldOut ? "held_out" : "paper"}_score_${end}`] ?? null);

/** Two to ten configs on a page of its own. */
export function CompareTab({ sweep, query }: { sweep: string; query: URLSearchParams }) {
  const configs = (query.get("configs") ?? "").split("|").filter(Boolean);
  const reference = query.get("reference");
  const here = ["sweep", sweep, "compare"];
  const asked = new URLSearchParams({ configs: configs.join("|"), reference: reference && configs.includes(reference) ? reference : configs[0] ?? "" });
  const polled = usePoll<Leaderboard>(configs.length > 1 ? `sweeps/${sweep}/leaderboard?${asked}` : null, 10);
  if (configs.length < 2) {
    return (
      <Empty title="Two configs or more are needed to compare">
        <p>Tick them among the <a href={to(["sweep", sweep, "configs"])}>configs</a>.</p>
      </Empty>
    );
  }
  return (
    <section aria-label="Comparison">
      <h2>Comparison of {configs.length} configs</h2>
      <Shown polled={polled} rows={6}>
        {(board) => (
          <>
            <div class="bar">
              <label>
                Reference{" "}
                <select value={board.reference ?? ""} onChange={(event) => go(to(here, changed(query, { reference: event.currentTarget.value })))}>
                  {board.rows.map((row) => <option key={row.config} value={row.config}>{ranked(row)}</option>)}
                </select>
              </label>
              <a href={to(["sweep", sweep, "configs"], { selected: configs.join("|"), reference })}>Choose others</a>
            </div>
            <Scores sweep={sweep} rows={board.rows} />
            <h2>What differs</h2>
            <Differing sweep={sweep} board={board} />
            <Runs key={configs.join()} sweep={sweep} rows={board.rows} />
          </>
        )}
      </Shown>
    </section>
  );
}

function Scores({ sweep, rows }: { sweep: string; rows: LeaderboardRow[] }) {
  const names = rows.map((row) => ranked({ ...row, name: `${row.pinned ? "★ " : ""}${row.name}` }));
  return (
    <Plot
      title="Score with its 95 % interval"
      name={`${sweep}-comparison`}
      height={70 + 40 * rows.length}
      data={[rows, "compare"]}
      cells={{
        head: ["Config", ...[true, false].flatMap((heldOut) => [`${heldOut ? "held-out" : "paper-style"} Score`, "95 % interval"])],
        rows: rows.map((row, i) => [names[i]!, ...[true, false].flatMap((heldOut) => [share(score(row, heldOut)), row.texts[heldOut ? "held_out_interval" : "paper_interval"] ?? "–"])]),
      }}
      build={(p) => {
        const series = (heldOut: boolean, index: number) => {
          const shift = heldOut ? 6 : -6;
          const text = (i: number) => `${names[i]}\n${heldOut ? "held-out" : "paper-style"} Score ${share(score(rows[i]!, heldOut))}  ${rows[i]!.texts[heldOut ? "held_out_interval" : "paper_interval"]}`;
          return [
            {
              type: "scatter",
              name: heldOut ? "held-out" : "paper-style (optimistic)",
              ...p.mark(index, !heldOut),
              symbol: "circle",
              symbolSize: 8,
              symbolOffset: [0, shift],
              data: rows.map((row, i) => [score(row, heldOut), i]),
              tooltip: { formatter: ({ value }: { value: [number | null, number] }) => text(value[1]) },
            },
            errorBars(p.series(index), rows.map((row, i) => [...ends(row, heldOut), i]), { lying: true, shift, text: (value) => text(value[2]!) }),
          ];
        };
        return {
          grid: { left: 10, right: 20, top: 30, bottom: 40, containLabel: true },
          legend: legend(p),
          xAxis: valueAxis(p, "Score", { scale: true, axisLabel: { color: p.muted, fontSize: 11, formatter: share, hideOverlap: true } }),
          yAxis: nameAxis(p, names, { inverse: true }),
          series: [...series(true, 1), ...series(false, 2)],
        };
      }}
    />
  );
}

function Differing({ sweep, board }: { sweep: string; board: Leaderboard }) {
  const { rows } = board;
  const marked = rows.some((row) => row.pinned || row.tags.length > 0 || row.note !== "");
  const settings = [...new Set(rows.flatMap((row) => Object.keys(row.settings)))].filter(
    (name) => new Set(rows.map((row) => JSON.stringify(row.settings[name] ?? null))).size > 1,
  );
  const best = (column: string, row: LeaderboardRow) => {
    if (!kMoreIsBetter.test(column)) return false;
    const values = rows.map((one) => one.values[column] ?? -Infinity);
    const most = Math.max(...values);
    return row.complete && row.values[column] === most && values.some((value) => value < most);
  };
  return (
    <Scroll label="What differs">
      <table class="wide compared" style={{ minWidth: `${150 + 110 * rows.length}px` }}>
        <thead>
          <tr>
            <th scope="col">Setting or result</th>
            {rows.map((row) => (
              <th scope="col" key={row.config}>
                <a href={to(["sweep", sweep, "config", row.config])}>{row.rank !== null && `#${row.rank} `}<Name of={row.name} /></a>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {marked && (
            <tr>
              <th scope="row">Pin, tags, note</th>
              {rows.map((row) => <td key={row.config} class="wrap"><Pin row={row} again={null} /><MarkLabels row={row} /></td>)}
            </tr>
          )}
          {settings.map((name) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {rows.map((row) => <td key={row.config} class="wrap">{row.axis_texts[name] || valueText(row.settings[name])}</td>)}
            </tr>
          ))}
          <tr>
            <th scope="row">Difference, {board.compared}</th>
            {rows.map((row) => (
              <td key={row.config} class="tabular">
                {row.config === board.reference ? <span class="small">the reference</span> : <Difference of={row.against_reference} />}
              </td>
            ))}
          </tr>
          {board.columns.filter((column) => column.id !== "difference").map((column) => (
            <tr key={column.id}>
              <th scope="row" title={column.note}>{columnName(column)}</th>
              {rows.map((row) => <td key={row.config} class={`tabular${row.complete ? "" : " mean-incomplete"}${best(column.id, row) ? " strong" : ""}`}>{row.texts[column.id]}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Runs({ sweep, rows }: { sweep: string; rows: LeaderboardRow[] }) {
  // What stands behind # is not sent: with more runs the list is another one.
  const paths = rows.map((row) => `sweeps/${sweep}/trials?limit=1000&config=${row.config}#${row.texts["runs"]}`);
  const { data, left, error } = useAll<TrialList>(paths);
  if (error) return <Failed error={error} again={() => location.reload()} />;
  if (left > 0) return <Skeleton rows={6} />;
  const runs = rows.map((row, i) => ({ name: ranked(row), trials: data.get(paths[i]!)!.trials }));
  return (
    <>
      <h2>Learning curves</h2>
      <RunCurves of={runs} name={`${sweep}-comparison`} />
      {rows.length === 2 && (
        <>
          <h2>Where their predictions differ</h2>
          <ConfusionDifference of={runs} name={`${sweep}-confusion-difference`} />
        </>
      )}
    </>
  );
}

/** Row shares of the first less those of the second, over the folds and seeds that both have. */
function ConfusionDifference({ of, name }: { of: { name: string; trials: TrialList["trials"] }[]; name: string }) {
  const run = (trial: TrialList["trials"][number]) => `${trial.partition} ${trial.fold} ${trial.seed}`;
  const finished = of.map(({ trials }) => trials.filter((trial) => trial.outcome === "finished"));
  const shared = new Set(finished[0]!.map(run).filter((one) => finished[1]!.some((trial) => run(trial) === one)).slice(0, kMostShared));
  const paths = finished.map((trials) => trials.filter((trial) => shared.has(run(trial))).map((trial) => `trials/${trial.id}/confusion?protocol=paper`));
  const { data, left, error } = useAll<Confusion>(paths.flat());
  if (error) return <Failed error={error} again={() => location.reload()} />;
  if (shared.size === 0) return <Empty title="The two share no finished run yet" />;
  if (left > 0) return <p class="legend">{left} runs are being read.</p>;
  const parts = paths.map((some) => some.map((path) => data.get(path)!));
  const sets = [...new Set(parts.flat().flatMap((one) => one.sets))];
  const shares = parts.map((some) => {
    const counts = sets.map(() => sets.map(() => 0));
    for (const one of some) {
      const place = one.sets.map((set) => sets.indexOf(set));
      one.counts.forEach((row, t) => row.forEach((n, c) => (counts[place[t]!]![place[c]!]! += n)));
    }
    return counts.map((row) => {
      const total = row.reduce((sum, n) => sum + n, 0);
      return row.map((n) => (total ? n / total : 0));
    });
  });
  const cells = sets.flatMap((_, t) => sets.map((__, c) => [c, t, shares[0]![t]![c]! - shares[1]![t]![c]!]));
  const most = Math.max(...cells.map((one) => Math.abs(one[2]!)), 0.01);
  return (
    <Plot
      title={`Share of each true set (rows) that is predicted as each set: ${of[0]!.name} less ${of[1]!.name}; paper-style (optimistic), ${counted(shared.size, "run")} each`}
      name={name}
      height={Math.max(340, 120 + 22 * sets.length)}
      data={[sets, cells]}
      cells={{ head: ["True set", ...sets], rows: sets.map((set, t) => [set, ...sets.map((_, c) => signed(cells[t * sets.length + c]![2]))]) }}
      build={(p) => ({
        grid: { left: 10, right: 12, top: 26, bottom: 46, containLabel: true },
        ...matrixAxes(p, sets),
        visualMap: { min: -most, max: most, orient: "horizontal", left: "center", bottom: 0, itemHeight: 120, itemWidth: 10, dimension: 2, text: [`${of[0]!.name}: ${share(most)} more`, `${of[1]!.name}: ${share(most)} more`], textStyle: { color: p.muted, fontSize: 11 }, inRange: { color: [p.series(2), p.scale[0]!, p.series(1)] } },
        tooltip: { formatter: ({ value }: { value: number[] }) => `${sets[value[1]!]} taken for ${sets[value[0]!]}\n${share(shares[0]![value[1]!]![value[0]!])} less ${share(shares[1]![value[1]!]![value[0]!])}: ${signed(value[2])}` },
        series: [{ type: "heatmap", data: cells, itemStyle: { borderColor: p.page, borderWidth: 1 } }],
      })}
      note={`On the diagonal: more is better. Blue: ${of[0]!.name} has more. Orange: ${of[1]!.name} has more.`}
    />
  );
}

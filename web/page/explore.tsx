// All configs of a sweep at once: how each axis goes with the Score. What is drawn over a chart is a choice, which the
// address keeps and the table of configs shares.
import type { Leaderboard, LeaderboardRow, Sweep } from "./api";
import { Filters, boardQuery, choiceOf, isNumeric, kBetween } from "./filters";
import { rankedScore } from "./leaderboard";
import { markLines } from "./marks";
import { Empty, Shown, columnName, ranked, waitsFor } from "./parts";
import { Plot, legend, nameAxis, tick, valueAxis } from "./plot";
import type { Option, Palette } from "./plot";
import { usePoll } from "./poll";
import { changed, go, to } from "./route";
import { count, counted, share } from "./text";

const kSample = 1000;         // configs that are drawn
const kMostColors = 8;        // values that colours and markers tell apart
const kMostSlices = 12;
const kLogSpan = 10;          // listed values must differ by this factor to be drawn on a log axis
const kCell = 14;             // px, of the contours
const kAxis = "axis.";

/** What a chart can have along an axis: an axis of the sweep, or a number of configs. */
interface Column {
  id: string;
  name: string;
  kind: "names" | "linear" | "log";
  names: string[];                             // of kind "names": `of` is the index
  values: string[];                            // the same as filters have them
  whole: boolean;                              // numbers without fractions
  of: (row: LeaderboardRow) => number | null;
}

function axisColumn(board: Leaderboard, sweep: Sweep, axis: string): Column {
  const listed = board.axis_values[axis] ?? [];
  const common = { id: kAxis + axis, name: axis, names: listed.map(({ text }) => text), values: listed.map(({ value }) => value), whole: false };
  if (!isNumeric(board, axis)) {
    const places = new Map(common.names.map((text, i) => [text, i]));
    return { ...common, kind: "names", of: (row) => places.get(row.axis_texts[axis] || "-") ?? null };
  }
  const numbers = common.values.map(Number).filter(Number.isFinite).sort((a, b) => a - b);
  const said = sweep.axes.find((one) => one.setting === axis)?.scale;
  const kind = said ?? (numbers[0]! > 0 && numbers[numbers.length - 1]! >= kLogSpan * numbers[0]! && uneven(numbers.map(Math.log)) < uneven(numbers) ? "log" : "linear");
  return { ...common, kind, whole: numbers.every(Number.isInteger), of: (row) => (typeof row.axis_values[axis] === "number" ? row.axis_values[axis] : null) };
}

/** The largest step between neighbours over the smallest. */
function uneven(sorted: number[]): number {
  const steps = sorted.slice(1).map((one, i) => one - sorted[i]!);
  return Math.max(...steps) / Math.min(...steps);
}

/** Axes first, then the numbers of the leaderboard. */
function columnsOf(board: Leaderboard, sweep: Sweep): Column[] {
  return [
    ...board.axes.map((axis) => axisColumn(board, sweep, axis)),
    ...board.columns.filter((column) => !column.interval && column.numbers.length > 0).map((column): Column => {
      const number = column.numbers[0]!;
      return { id: number, name: columnName(column), kind: "linear", names: [], values: [], whole: false, of: (row) => row.values[number] ?? null };
    }),
  ];
}

/** The choice that a stretch of a column is, as the address has it. */
function chosen(column: Column, [low, high]: [number, number]): Record<string, string> {
  const name = column.id.replace(kAxis, "");
  if (column.kind !== "names") return { [kBetween + name]: `${Number(low.toPrecision(4))}..${Number(high.toPrecision(4))}` };
  const within = column.values.filter((_, i) => i >= low - 0.5 && i <= high + 0.5);
  return within.length > 0 && within.length < column.values.length ? { [`where.${name}`]: within.join("|") } : {};
}

const print = (column: Column, value: number | null) =>
  value === null ? "–" : column.kind === "names" ? column.names[value]! : column.id.startsWith(kAxis) ? String(value) : share(value);

function axisOf(p: Palette, column: Column, extra: Option = {}): Option {
  if (column.kind === "names") return nameAxis(p, column.names, extra);
  const format = column.id.startsWith(kAxis) ? {} : { axisLabel: { color: p.muted, fontSize: 11, formatter: share, hideOverlap: true } };
  return valueAxis(p, column.name, { type: column.kind === "log" ? "log" : "value", scale: true, ...(column.whole && { minInterval: 1 }), ...format, ...extra });
}

/** px, of the values of a column in at most as many lines. */
const legendHeight = (column: Column) => 14 + 20 * Math.ceil(column.names.length / 2);

/** A scale of colours with its ends beside it. */
const ramp = (p: Palette, column: Column, dimension: number, [low, high]: [number, number], seriesIndex: number[]): Option => ({
  type: "continuous",
  seriesIndex,
  dimension,
  min: low,
  max: high,
  orient: "vertical",
  right: 0,
  top: "middle",
  itemHeight: 140,
  itemWidth: 10,
  text: [print(column, high), print(column, low)],
  textStyle: { color: p.muted, fontSize: 11 },
  inRange: { color: p.ramp },
  hoverLink: false,
});

const extent = (values: (number | null)[]): [number, number] => {
  const known = values.filter((one): one is number => one !== null);
  return known.length ? [Math.min(...known), Math.max(...known)] : [0, 1];
};

interface View {
  sweep: Sweep;
  board: Leaderboard;
  rows: LeaderboardRow[];  // that have the Score that ranks
  score: Column;
  text: (row: LeaderboardRow, more?: Column[]) => string;
  open: (config: string | undefined) => void;
  choose: (ranges: [Column, [number, number]][]) => void;
}

export function ExploreTab({ sweep, query }: { sweep: Sweep; query: URLSearchParams }) {
  const here = ["sweep", sweep.id, "explore"];
  const asked = boardQuery(query, { offset: "0", order: "ranked", sample: String(kSample), limit: String(kSample) });
  const polled = usePoll<Leaderboard>(`sweeps/${sweep.id}/leaderboard?${asked}`, sweep.configs > kSample ? 30 : 10);
  return (
    <section aria-label="Explore" class="full">
      <div class="bar">
        <Filters board={polled.data} query={query} here={here} />
        <a class="right" href={to(["sweep", sweep.id, "configs"], choiceOf(query))}>The same configs as a table</a>
      </div>
      <Shown polled={polled} rows={12}>
        {(board) => {
          const rows = board.rows.filter((row) => rankedScore(board, row).mean !== null);
          const columns = columnsOf(board, sweep);
          const score = columns.find((one) => one.id === (board.ranked_by === "held-out" ? "held_out_score" : "paper_score"));
          if (rows.length === 0 || !score) {
            const choices = Object.keys(choiceOf(query)).length > 0;
            return (
              <Empty title={board.rows.length === 0 ? "No config fits these choices" : choices ? "No config that fits has a Score yet" : "No config has a Score yet"}>
                {choices ? <p><a href={to(here)}>Show all configs</a></p> : sweep.trials.finished === 0 && <p>{waitsFor(sweep)}</p>}
              </Empty>
            );
          }
          const view: View = {
            sweep, board, rows, score,
            text: (row, more = []) => {
              const { mean, low, high } = rankedScore(board, row);
              return [ranked(row), `${score.name} ${share(mean)}  [${share(low)}, ${share(high)}]`, ...more.filter((one) => one !== score).map((one) => `${one.name} ${print(one, one.of(row))}`), ...markLines(row)].join("\n");
            },
            open: (config) => config && go(to(["sweep", sweep.id, "config", config])),
            choose: (ranges) => go(to(here, changed(query, Object.assign({}, ...ranges.map(([column, range]) => chosen(column, range)))))),
          };
          const axes = columns.filter((one) => one.id.startsWith(kAxis) && one.values.length > 1);
          return (
            <>
              <p class="legend">
                {board.total > board.rows.length ? `${count(board.rows.length)} of ${count(board.total)} configs, evenly spaced over the ranking.` : `${count(rows.length)} of ${counted(board.configs, "config")}.`}
                {" "}Drag along an axis, or over the scatter, to choose configs; a click opens one. The table of configs has the same choice.
              </p>
              <Parallel view={view} axes={axes} />
              <Columns columns={columns} score={score} query={query} here={here} />
              <div class="charts">
                <Scatter view={view} columns={columns} query={query} />
                <Distribution view={view} columns={columns} query={query} />
              </div>
              {axes.length > 0 && <h2>Slices: each axis and the Score</h2>}
              <div class="charts">
                {axes.slice(0, kMostSlices).map((axis) => <Slice key={axis.id} view={view} axis={axis} />)}
              </div>
            </>
          );
        }}
      </Shown>
    </section>
  );
}

const row = (rows: LeaderboardRow[], columns: Column[]) => ({
  head: ["Config", ...columns.map((one) => one.name)],
  rows: rows.map((one) => [ranked(one), ...columns.map((column) => print(column, column.of(one)))]),
});

function Parallel({ view: { sweep, rows, score, text, open, choose }, axes }: { view: View; axes: Column[] }) {
  const columns = [...axes, score];
  const parts = [rows.filter((one) => !one.pinned), rows.filter((one) => one.pinned)];
  const pinned = parts[1]!.length > 0;
  const values = (of: LeaderboardRow) => columns.map((column) => (column.kind === "names" ? column.names[column.of(of) ?? -1] ?? "-" : column.of(of) ?? "-"));
  return (
    <Plot
      title={`Every config by its axes and ${score.name}: parallel coordinates`}
      name={`${sweep.id}-parallel`}
      height={400}
      data={rows.map((one) => [one.config, values(one), one.pinned, one.tags, one.note])}
      cells={row(rows, columns)}
      ids={parts.map((part) => part.map((one) => one.config))}
      onClick={(event) => open(parts[event.seriesIndex]?.[event.dataIndex]?.config)}
      onAxis={(axis, range) => choose([[columns[axis]!, range]])}
      build={(p) => ({
        parallel: { left: p.width < 600 ? 46 : 70, right: p.width < 600 ? 80 : 110, top: 40, bottom: 24, parallelAxisDefault: {
          realtime: false,
          nameTextStyle: { color: p.text, fontSize: 12, width: Math.min(p.width / columns.length, p.width < 600 ? 92 : 140), overflow: "truncate" },
          axisLine: { lineStyle: { color: p.muted } },
          axisTick: { lineStyle: { color: p.muted } },
          axisLabel: { color: p.text, textBorderColor: p.page, textBorderWidth: 3, fontSize: 11, width: 150, overflow: "truncate" },
        } },
        parallelAxis: columns.map((column, dim) => ({
          id: String(dim),
          dim,
          name: column.name,
          ...(column.kind === "names" ? { type: "category", data: column.names } : { type: column.kind === "log" ? "log" : "value", scale: true, ...(column.whole && { minInterval: 1 }) }),
          ...(column.kind === "names" ? {} : { axisLabel: { color: p.text, formatter: column === score ? share : tick } }),
        })),
        visualMap: ramp(p, score, columns.length - 1, extent(rows.map(score.of)), [0]),
        tooltip: { formatter: ({ seriesIndex, dataIndex }: { seriesIndex: number; dataIndex: number }) => text(parts[seriesIndex]![dataIndex]!) },
        series: [
          { lineStyle: { width: 1.5, opacity: pinned || rows.length > 200 ? 0.5 : 0.8 }, emphasis: { lineStyle: { width: 4, opacity: 1 } } },
          { lineStyle: { width: 4, opacity: 1, color: p.series(2) }, emphasis: { lineStyle: { width: 6 } }, z: 3 },
        ].map((style, i) => ({ type: "parallel", ...style, data: parts[i]!.map(values) })),
      })}
      note={pinned ? "Pinned configs: thick and orange." : ""}
    />
  );
}

/** Of the scatter: across, up and colour. */
function shownOf(columns: Column[], score: Column, query: URLSearchParams): Record<"x" | "y" | "color", Column> {
  const find = (name: string, absent: Column) => columns.find((one) => one.id === query.get(name)) ?? absent;
  return { x: find("x", columns[0]!), y: find("y", score), color: find("color", score) };
}

function Columns({ columns, score, query, here }: { columns: Column[]; score: Column; query: URLSearchParams; here: string[] }) {
  const shown = shownOf(columns, score, query);
  const set = (changes: Record<string, string | null>) => go(to(here, changed(query, changes)));
  return (
    <div class="bar">
      {([["x", "Across"], ["y", "Up"], ["color", "Colour"]] as const).map(([name, label]) => (
        <label key={name}>
          {label}{" "}
          <select value={shown[name].id} onChange={(event) => set({ [name]: event.currentTarget.value })}>
            {columns.map((one) => <option key={one.id} value={one.id}>{one.name}</option>)}
          </select>
        </label>
      ))}
      <label class="check">
        <input type="checkbox" checked={query.get("contour") === "1"} onChange={(event) => set({ contour: event.currentTarget.checked ? "1" : null })} />
        contours
      </label>
    </div>
  );
}

function Scatter({ view: { sweep, rows, score, text, open, choose }, columns, query }: { view: View; columns: Column[]; query: URLSearchParams }) {
  const { x, y, color } = shownOf(columns, score, query);
  const known = rows.filter((one) => [x, y].every((column) => { const value = column.of(one); return value !== null && (column.kind !== "log" || value > 0); }));
  const byName = color.kind === "names" && color.names.length <= kMostColors;
  const parts = byName ? color.names.map((_, i) => known.filter((one) => color.of(one) === i)) : [known];
  const between = color.kind === "names" ? null : extent(known.map(color.of));
  const smooth = query.get("contour") === "1" && between !== null && x.kind !== "names" && y.kind !== "names";
  return (
    <Plot
      title={`${y.name} by ${x.name}; colour: ${color.name}`}
      name={`${sweep.id}-scatter`}
      height={360}
      data={[x.id, y.id, color.id, smooth, known.map((one) => [one.config, x.of(one), y.of(one), color.of(one)])]}
      cells={row(known, [...new Set([x, y, color])])}
      ids={[...(smooth ? [[]] : []), ...parts.map((part) => part.map((one) => one.config))]}
      onClick={(event) => open(parts[event.seriesIndex - (smooth ? 1 : 0)]?.[event.dataIndex]?.config)}
      onArea={(across, up) => choose([[x, across], [y, up]])}
      build={(p) => ({
        grid: { left: y.kind === "names" ? 10 : 64, right: between ? 70 : 20, top: byName ? legendHeight(color) : 14, bottom: 46, containLabel: y.kind === "names" },
        legend: byName ? legend(p) : { show: false },
        xAxis: axisOf(p, x, x.kind === "names" ? { name: x.name, nameLocation: "middle", nameGap: 30, axisLabel: { width: p.width / (x.names.length + 2) } } : {}),
        yAxis: axisOf(p, y, { nameGap: 46 }),
        ...(between && { visualMap: ramp(p, color, 2, between, [smooth ? 1 : 0]) }),
        tooltip: { formatter: ({ seriesIndex, dataIndex }: { seriesIndex: number; dataIndex: number }) => { const one = parts[seriesIndex - (smooth ? 1 : 0)]?.[dataIndex]; return one ? text(one, [x, y, color]) : ""; } },
        series: [
          ...(smooth ? [contours(p, known.map((one) => [x.of(one)!, y.of(one)!, color.of(one)]), between!)] : []),
          ...parts.map((part, i) => ({
            type: "scatter",
            name: byName ? color.names[i] : "configs",
            symbolSize: known.length > 300 ? 6 : 9,
            ...(byName ? { ...p.mark(i + 1), symbol: p.stroke(i + 1)["symbol"] } : between ? {} : p.mark(1)),
            emphasis: { scale: 2.2, itemStyle: { borderColor: p.text, borderWidth: 2 } },
            data: part.map((one) => [x.of(one), y.of(one), color.of(one)]),
          })),
        ],
      })}
      note={smooth ? "The shade between configs is their mean, weighted by the inverse square of the distance on the chart (Shepard, 1968)." : !byName && !between ? `${color.name} has more than ${kMostColors} values: one colour.` : ""}
    />
  );
}

/** Of points [x, y, value], beneath them. */
function contours(p: Palette, points: (number | null)[][], [low, high]: [number, number]): Option {
  interface Area { coordSys: { x: number; y: number; width: number; height: number } }
  return {
    type: "custom",
    silent: true,
    z: 0,
    data: [[points[0]?.[0] ?? 0, points[0]?.[1] ?? 0]],
    renderItem: ({ coordSys: { x, y, width, height } }: Area, api: { coord: (at: number[]) => number[] }) => {
      const at = points.flatMap(([across, up, value]) => (value == null ? [] : [[...api.coord([across!, up!]), value] as [number, number, number]]));
      const children = [];
      for (let left = 0; left < width; left += kCell) {
        for (let top = 0; top < height; top += kCell) {
          let [sum, weights] = [0, 0];
          for (const [px, py, value] of at) {
            const weight = 1 / (1 + (px - x - left - kCell / 2) ** 2 + (py - y - top - kCell / 2) ** 2);
            sum += weight * value;
            weights += weight;
          }
          const share = high > low ? (sum / weights - low) / (high - low) : 0.5;
          children.push({ type: "rect", shape: { x: x + left, y: y + top, width: Math.min(kCell, width - left), height: Math.min(kCell, height - top) }, style: { fill: p.shade(share), opacity: 0.45 } });
        }
      }
      return { type: "group", children };
    },
  };
}

/** Share of configs with at most each Score; of the values of the axis that colours, a line each. */
function Distribution({ view: { sweep, rows, score, choose }, columns, query }: { view: View; columns: Column[]; query: URLSearchParams }) {
  const by = columns.find((one) => one.id === query.get("color") && one.kind === "names" && one.names.length <= kMostColors);
  const parts = (by ? by.names.map((name, i) => ({ name, some: rows.filter((one) => by.of(one) === i) })) : [{ name: "configs", some: rows }])
    .filter(({ some }) => some.length > 0)
    .map(({ name, some }) => ({ name, scores: some.map((one) => score.of(one)!).sort((a, b) => a - b) }));
  const steps = parts.map(({ scores }) => scores.map((value, i): [number, number] => [value, (i + 1) / scores.length]));
  return (
    <Plot
      title={`Share of configs whose ${score.name} is at most so high (EDF)${by ? `, by ${by.name}` : ""}`}
      name={`${sweep.id}-edf`}
      height={360}
      data={[by?.id, steps]}
      cells={{ head: [by?.name ?? "Configs", "Score", "Share of configs"], rows: parts.flatMap(({ name }, i) => steps[i]!.map(([value, part]) => [name, share(value), share(part)])) }}
      onArea={(across) => choose([[score, across]])}
      build={(p) => ({
        grid: { left: 56, right: 20, top: by ? legendHeight(by) : 14, bottom: 46 },
        legend: by ? legend(p) : { show: false },
        xAxis: axisOf(p, score),
        yAxis: valueAxis(p, "share of configs", { min: 0, max: 1, nameGap: 40 }),
        tooltip: { formatter: ({ seriesName, value }: { seriesName: string; value: [number, number] }) => `${seriesName}\n${share(value[1])} of them have at most ${share(value[0])}` },
        series: parts.map(({ name }, i) => ({ type: "line", name, step: "end", color: p.series(i + 1), ...p.stroke(i + 1), symbolSize: 5, showSymbol: steps[i]!.length <= 60, data: steps[i] })),
      })}
    />
  );
}

function Slice({ view: { sweep, rows, score, text, open, choose }, axis }: { view: View; axis: Column }) {
  const known = rows.filter((one) => { const value = axis.of(one); return value !== null && (axis.kind !== "log" || value > 0); });
  const lying = axis.kind === "names";
  return (
    <Plot
      title={`${score.name} by ${axis.name}${axis.kind === "log" ? " (log axis)" : ""}`}
      name={`${sweep.id}-slice-${axis.name}`}
      height={lying ? Math.max(200, 64 + 24 * axis.names.length) : 240}
      data={[axis.id, known.map((one) => [one.config, axis.of(one), score.of(one)])]}
      cells={row(known, [axis, score])}
      ids={[known.map((one) => one.config)]}
      onClick={(event) => open(known[event.dataIndex]?.config)}
      onArea={(across, up) => choose(lying ? [[score, across], [axis, up]] : [[axis, across], [score, up]])}
      build={(p) => ({
        grid: lying ? { left: 10, right: 20, top: 10, bottom: 44, containLabel: true } : { left: 56, right: 20, top: 10, bottom: 44 },
        xAxis: lying ? axisOf(p, score) : axisOf(p, axis),
        yAxis: lying ? nameAxis(p, axis.names, { inverse: true }) : axisOf(p, score, { nameGap: 40 }),
        tooltip: { formatter: ({ dataIndex }: { dataIndex: number }) => text(known[dataIndex]!, [axis]) },
        series: [{
          type: "scatter",
          symbolSize: known.length > 300 ? 5 : 8,
          itemStyle: { color: p.series(1), opacity: 0.6 },
          emphasis: { scale: 2.2, itemStyle: { opacity: 1, borderColor: p.text, borderWidth: 2 } },
          data: known.map((one) => (lying ? [score.of(one), axis.of(one)] : [axis.of(one), score.of(one)])),
        }],
      })}
    />
  );
}

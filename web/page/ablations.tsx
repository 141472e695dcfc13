// What the axes of a sweep do: verdicts, n, encoder subsets, one axis against another, what matters most.
import type { Axes, ComparisonFamily, CrossTable, EffectPoint, EffectSeries, EncoderEffect, ImportanceReport, PlannedComparison, PlannedComparisons, Subset, Subsets, Sweep } from "./api";
import { Bars, largest } from "./bars";
import { Empty, Shown, over } from "./parts";
import { Plot, errorBars, legend, matrixAxes, nameAxis, numberedNote, valueAxis } from "./plot";
import { usePoll } from "./poll";
import { changed, go, to } from "./route";
import { Marked, Ticks, scaleOf } from "./scale";
import { Name, Table } from "./table";
import type { TableColumn } from "./table";
import { counted, middle, share, signed } from "./text";

const kMostSubsets = 64;      // rows of the matrix
const kReadableNumbers = 12;  // encoders
const kReadableAcross = 60;  // letters of all columns: beyond that they may have numbers

export function AblationsTab({ sweep, query }: { sweep: Sweep; query: URLSearchParams }) {
  return (
    <>
      <Weight sweep={sweep} />
      <Families sweep={sweep} />
      <EffectOfN sweep={sweep} query={query} />
      <SubsetMatrix sweep={sweep} />
      <CrossTable sweep={sweep} query={query} />
    </>
  );
}

const protocolOf = (ranked_by: string) => (ranked_by === "held-out" ? "held-out Score" : "paper-style Score (optimistic)");

function Weight({ sweep }: { sweep: Sweep }) {
  const polled = usePoll<Axes>(`sweeps/${sweep.id}/axes`, 10);
  return (
    <section aria-label="Importance of each axis">
      <h2>Which axis matters</h2>
      <Shown polled={polled} rows={4}>
        {({ axes, ranked_by }) => {
          const rows = axes.filter((axis) => axis.importance && axis.importance.share !== null);
          if (axes.length === 0) return <Empty title="This sweep varies nothing"><p>It has one config, so there is nothing to ablate.</p></Empty>;
          if (rows.length === 0) return <Empty title="Not enough configs have a number yet" />;
          return (
            <Bars
              title={`Share of the spread of the ${protocolOf(ranked_by)} between configs that each axis explains`}
              name={`${sweep.id}-axis-importance`}
              about="Axis"
              label="η² (first-order share of variance)"
              max={1}
              of={rows.map(({ name, importance }) => ({
                name,
                value: importance!.share,
                low: null,
                high: null,
                text: `${share(importance!.share)} over ${importance!.configs} configs\nmean Score of its values: ${share(importance!.lowest)} to ${share(importance!.highest)}`,
              }))}
              note="By itself, over the configs that it varies: what axes do together is in none of the bars. On a grid that is not full an axis also takes credit for what goes with it."
            />
          );
        }}
      </Shown>
    </section>
  );
}

/** A comparison that this very sweep could declare. */
function example(sweep: Sweep): string {
  const first = sweep.axes.find((axis) => axis.values.length > 1);
  const baseline = first?.setting === "encoders" ? "all" : first?.values[0];
  return `compare: [{axis: ${first?.setting ?? "selection"}, baseline: ${baseline ?? "learned"}}]`;
}

/** As `medley report --planned` says it. */
function seeds(more: number | null, trained: number): string {
  if (trained === 1) return "training variance unknown from 1 seed";
  if (more === null) return "more seeds are not expected to settle it";
  return `${more} more seed${more === 1 ? "" : "s"} would settle it`;
}

const kVerdictClass: Record<string, string> = { helps: "good", hurts: "bad" };

function Families({ sweep }: { sweep: Sweep }) {
  const polled = usePoll<PlannedComparisons>(`sweeps/${sweep.id}/comparisons`, 10);
  return (
    <section aria-label="Verdicts">
      <h2>Verdicts</h2>
      <Shown polled={polled} rows={5}>
        {({ families }) => (
          <>
            {families.length === 0 && (
              <Empty title="The sweep file declares no comparison">
                <p>Add, say, <code>{example(sweep)}</code> and submit it again: nothing is trained twice.</p>
              </Empty>
            )}
            {families.map((family) => {
              const held = [...new Set(family.comparisons.flatMap((row) => Object.keys(row.held_text)))];
              const judged = (row: PlannedComparison) => (family.judged_by === "held-out" ? row.held_out : row.paper);
              const names = family.comparisons.map((row) => [row.text, ...held.filter((axis) => row.held_text[axis]).map((axis) => `${axis} ${row.held_text[axis]}`)].join(", "));
              const text = (i: number) => {
                const row = family.comparisons[i]!;
                const one = judged(row);
                return `${names[i]}\n${signed(one?.mean)}  [${signed(one?.low)}, ${signed(one?.high)}]  Holm p ${row.holm_p === null ? "–" : row.holm_p.toPrecision(2)}\n${row.verdict}`;
              };
              return (
                <div key={family.axis} class="axis">
                  <h3>{family.axis} against {family.baseline_text}</h3>
                  <Plot
                    title={`Difference of paired ${family.judged_by === "held-out" ? "held-out" : "paper-style"} Scores with 95 % interval; margin ±${share(family.margin)}${family.declared ? `; ${family.declared}` : ""}`}
                    name={`${sweep.id}-${family.axis}-verdicts`}
                    height={70 + 26 * family.comparisons.length}
                    data={family}
                    cells={{
                      head: [family.axis, "Pairs", "Difference", "95 % interval", "Holm p", "Verdict"],
                      rows: family.comparisons.map((row, i) => [names[i]!, String(row.pairs), signed(judged(row)?.mean), `[${signed(judged(row)?.low)}, ${signed(judged(row)?.high)}]`, p(row.holm_p), row.verdict]),
                    }}
                    build={(p) => ({
                      grid: { left: 10, right: 20, top: 10, bottom: 40, containLabel: true },
                      xAxis: valueAxis(p, `Score less that of ${middle(family.baseline_text, 60)}`, { scale: true, axisLabel: { color: p.muted, fontSize: 11, formatter: signed, hideOverlap: true } }),
                      yAxis: nameAxis(p, names, { inverse: true }),
                      tooltip: {
                        formatter: ({ value }: { value: [number, number] }) => text(value[1]),
                      },
                      series: [
                        {
                          type: "scatter",
                          symbolSize: 8,
                          data: family.comparisons.map((row, i) => ({
                            value: [judged(row)?.mean ?? null, i],
                            itemStyle: { color: row.verdict === "helps" ? p.good : row.verdict === "hurts" ? p.bad : p.muted },
                          })),
                          markLine: {
                            silent: true,
                            symbol: "none",
                            label: { show: false },
                            data: [
                              { xAxis: 0, lineStyle: { color: p.text, type: "solid", width: 1 } },
                              { xAxis: family.margin, lineStyle: { color: p.muted, type: "dashed", width: 1 } },
                              { xAxis: -family.margin, lineStyle: { color: p.muted, type: "dashed", width: 1 } },
                            ],
                          },
                        },
                        errorBars(p.muted, family.comparisons.map((row, i) => [judged(row)?.low ?? null, judged(row)?.high ?? null, i]), { lying: true, text: (value) => text(value[2]!) }),
                      ],
                    })}
                  />
                  <Table
                    label={`${family.axis} against ${family.baseline_text}, as a table`}
                    rows={family.comparisons}
                    id={(row) => row.config + row.baseline_config}
                    columns={comparisonColumns(family, held)}
                  />
                </div>
              );
            })}
            {families.length > 0 && (
              <p class="legend">
                Pairs of configs that differ in the axis only, paired by fold and seed. Interval and p: for other actors and training seeds where held-out Scores are compared and actors known, else for other folds;
                Holm: adjusted over the family. Helps, hurts: Holm p &lt; .05. Equivalent: the whole interval lies within the margin.
                {families.some((family) => family.comparisons.some((row) => row.transductive)) && " ‡ Transductive: training read unlabelled features of clips that it is scored on."}
              </p>
            )}
          </>
        )}
      </Shown>
    </section>
  );
}

function comparisonColumns(family: ComparisonFamily, held: string[]): TableColumn<PlannedComparison>[] {
  const [judged, other] = family.judged_by === "held-out" ? (["held_out", "paper"] as const) : (["paper", "held_out"] as const);
  return [
    { id: "value", head: family.axis, names: true, cell: (row) => <><Name of={row.text} most={60} />{row.transductive && " ‡"}</> },
    ...held.map((axis): TableColumn<PlannedComparison> => ({ id: `held ${axis}`, head: axis, cell: (row) => <Name of={row.held_text[axis] ?? "–"} /> })),
    { id: "pairs", head: "Pairs", kind: "number", cell: (row) => <>{row.pairs}/{row.runs}{row.diverged > 0 && <span class="warn small"> {row.diverged} diverged</span>}</> },
    { id: "difference", head: `Δ ${family.judged_by}`, kind: "number", class: "strong", cell: (row) => signed(row[judged]?.mean) },
    { id: "interval", head: "95 % interval", kind: "number", cell: (row) => `[${signed(row[judged]?.low)}, ${signed(row[judged]?.high)}]` },
    { id: "p", head: "p", kind: "number", cell: (row) => p(row[judged]?.p_unadjusted) },
    { id: "holm", head: "Holm p", kind: "number", cell: (row) => p(row.holm_p) },
    {
      id: "verdict",
      head: "Verdict",
      cell: (row) => (
        <span class={kVerdictClass[row.verdict]}>
          {row.verdict}
          {row.verdict === "inconclusive" && <span class="small"> {seeds(row.more_seeds, row.seeds)}</span>}
        </span>
      ),
    },
    { id: "other", head: `Δ ${family.judged_by === "held-out" ? "paper-style" : "held-out"}`, kind: "number", cell: (row) => signed(row[other]?.mean) },
  ];
}

function p(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  return value < 0.001 ? "<.001" : share(value);
}

function EffectOfN({ sweep, query }: { sweep: Sweep; query: URLSearchParams }) {
  const config = query.get("config");
  const polled = usePoll<ImportanceReport>(`sweeps/${sweep.id}/importance${config ? `?config=${encodeURIComponent(config)}` : ""}`, 15);
  return (
    <section aria-label="Effect of n">
      <h2>Effect of the number of encoders</h2>
      {polled.error?.status === 404 ? (
        <Empty title={over(sweep) ? "No config of this sweep has a gate" : "No config with a gate has a result yet"}><p>The effect of n needs configs whose gate selects encoders.</p></Empty>
      ) : (
        <Shown polled={polled} rows={8}>
          {(report) => (!severalN(report) ? <Empty title="Nothing to show: no configs differ in top_n or selection only" /> : <NCurve report={report} sweep={sweep.id} />)}
        </Shown>
      )}
    </section>
  );
}

/** One point alone is no curve. */
export const severalN = (report: ImportanceReport) => report.effect_of_n.reduce((points, series) => points + series.points.length, 0) > 1;

export function NCurve({ report, sweep }: { report: ImportanceReport; sweep: string }) {
  const all = report.effect_of_n;
  const value = (point: { held_out: number | null; paper: number | null }) => point.held_out ?? point.paper;
  const most = Math.max(...all.flatMap((series) => series.points.map((point) => point.n)));
  const text = (series: EffectSeries, point: EffectPoint) =>
    `${series.selection}, n = ${series.constant ? "all" : point.n}\n${share(value(point))}  [${share(point.low)}, ${share(point.high)}]\npaper-style ${share(point.paper)}`;
  const heldOut = all.every((series) => series.points.every((point) => point.held_out !== null));
  return (
    <Plot
      title={`${heldOut ? "Held-out Score" : "Score, paper-style (optimistic) where not held-out,"} with 95 % interval by encoders kept; else as ${report.configs.find((one) => one.config === report.config)?.name ?? report.config}`}
      name={`${sweep}-effect-of-n`}
      height={320}
      data={all}
      cells={{
        head: ["Selection", "n", "Score", "95 % interval", "paper-style Score"],
        rows: all.flatMap((series) => series.points.map((point) => [series.selection, series.constant ? "all" : String(point.n), share(value(point)), `[${share(point.low)}, ${share(point.high)}]`, share(point.paper)])),
      }}
      build={(p) => ({
        grid: { left: 56, right: 20, top: 40, bottom: 44 },
        legend: legend(p),
        xAxis: valueAxis(p, "encoders kept (n)", { min: 0, max: most + 1, interval: 1, splitLine: { show: false }, axisLabel: { color: p.muted, formatter: (n: number) => (n >= 1 && n <= most ? String(n) : "") } }),
        yAxis: valueAxis(p, "Score", { scale: true, nameGap: 40, axisLabel: { color: p.muted, fontSize: 11, formatter: share } }),
        tooltip: {
          formatter: ({ seriesName, value: [n] }: { seriesName: string; value: [number] }) => {
            const series = all.find((one) => one.selection === seriesName);
            const point = series?.points.find((one) => Math.round(n) === one.n) ?? series?.points[0];
            return point && series ? text(series, point) : "";
          },
        },
        series: all.flatMap((series, index) => {
          const color = p.series(index + 1);
          const move = (index - (all.length - 1) / 2) * 0.06;
          if (series.constant) {
            const only = series.points[0]!;
            return [{
              type: "line",
              name: series.selection,
              color,
              symbol: "none",
              lineStyle: { type: "dashed", width: 1.6 },
              data: [[0, value(only)], [most + 1, value(only)]],
            }];
          }
          return [
            { type: "line", name: series.selection, color, symbolSize: 7, lineStyle: { width: 1.8 }, data: series.points.map((point) => [point.n + move, value(point)]) },
            errorBars(color, series.points.map((point) => [point.n + move, point.low, point.high]), {
              text: (bar) => text(series, series.points.find((point) => point.n === Math.round(bar[0]!))!),
            }),
          ];
        }),
      })}
      note="A dashed line does not depend on n. Points of different selections are moved apart a little."
    />
  );
}

function SubsetMatrix({ sweep }: { sweep: Sweep }) {
  const polled = usePoll<Subsets>(`sweeps/${sweep.id}/subsets`, 10);
  return (
    <section aria-label="Encoder subsets">
      <h2>Encoder subsets</h2>
      <Shown polled={polled} rows={8}>
        {({ encoders, subsets, rows, effects, ranked_by }) => {
          if (subsets < 2) return <Empty title="This sweep compares no encoder subsets" />;
          if (rows.length < 2) return <Empty title="Not enough encoder subsets have a number yet" />;
          const scale = scaleOf(rows.slice(0, kMostSubsets).map(({ score, low, high }) => ({ mean: score, low, high })));
          const [known] = largest(
            effects.filter((effect) => effect.difference?.mean !== null && effect.difference !== null),
            (effect) => effect.difference!.mean,
          );
          const effectText = ({ encoder, pairs, difference }: EncoderEffect) =>
            `${encoder}: ${signed(difference!.mean)}  [${signed(difference!.low)}, ${signed(difference!.high)}]\nunadjusted p ${difference!.p_unadjusted === null ? "–" : difference!.p_unadjusted.toPrecision(2)}, over ${pairs} pairs of configs`;
          return (
            <div class="columns columns-even">
              <div>
                <Table
                  label="Encoder subsets, as a table"
                  tall={rows.length > 20}
                  rows={rows.slice(0, kMostSubsets).map((row, i) => ({ ...row, place: i + 1 }))}
                  id={(row) => row.best_config}
                  rowClass={(row) => (row.complete ? undefined : "incomplete")}
                  columns={[
                    { id: "place", head: "#", kind: "number", cell: (row) => row.place },
                    {
                      id: "score",
                      head: "Score",
                      kind: "number",
                      names: true,
                      cell: (row) => <a href={to(["sweep", sweep.id, "config", row.best_config])} title={`${row.name}: the best of ${row.configs}`}>{share(row.score)}</a>,
                    },
                    { id: "drawn", head: "95 % interval", kind: "drawn", class: "bare", under: scale && <Ticks scale={scale} />, cell: (row) => scale && <Marked of={{ mean: row.score, low: row.low, high: row.high }} scale={scale} /> },
                    ...encoders.map((encoder, e): TableColumn<Subset> => ({
                      id: `encoder ${e}`,
                      head: String(e + 1),
                      class: "dot-cell",
                      cell: (row) => <span class={row.has[e] ? "dot dot-on" : "dot"} role="img" title={encoder} aria-label={`${encoder}: ${row.has[e] ? "in" : "out"}`} />,
                    })),
                  ]}
                />
                <details open={encoders.length <= kReadableNumbers}>
                  <summary class="legend">{counted(encoders.length, "encoder")} by number</summary>
                  <p class="legend">{numberedNote(encoders)}.</p>
                </details>
                <p class="legend">
                  The best config of each subset by {protocolOf(ranked_by)}, with its 95 % interval.
                  {rows.length > kMostSubsets && ` The first ${kMostSubsets} of ${rows.length} subsets.`}
                </p>
              </div>
              <div>
                {known.length > 0 ? (
                  <Plot
                    title={`What adding an encoder changes: mean difference of paired ${protocolOf(ranked_by)}s, 95 % interval`}
                    name={`${sweep.id}-marginal-effects`}
                    height={70 + 34 * known.length}
                    data={known}
                    cells={{
                      head: ["Encoder", "Difference", "95 % interval", "p", "Pairs of configs"],
                      rows: effects.map(({ encoder, pairs, difference }) => [encoder, signed(difference?.mean), `[${signed(difference?.low)}, ${signed(difference?.high)}]`, p(difference?.p_unadjusted), String(pairs)]),
                    }}
                    build={(p) => ({
                      grid: { left: 10, right: 20, top: 10, bottom: 40, containLabel: true },
                      xAxis: valueAxis(p, "Score with it less Score without", { scale: true, axisLabel: { color: p.muted, fontSize: 11, formatter: signed } }),
                      yAxis: nameAxis(p, known.map((effect) => effect.encoder), { inverse: true }),
                      tooltip: {
                        formatter: ({ dataIndex }: { dataIndex: number }) => effectText(known[dataIndex]!),
                      },
                      series: [
                        {
                          type: "scatter",
                          symbolSize: 9,
                          color: p.series(1),
                          data: known.map((effect, i) => [effect.difference!.mean, i]),
                          markLine: { silent: true, symbol: "none", label: { show: false }, data: [{ xAxis: 0, lineStyle: { color: p.text, type: "solid", width: 1 } }] },
                        },
                        errorBars(p.series(1), known.map((effect, i) => [effect.difference!.low, effect.difference!.high, i]), { lying: true, text: (value) => effectText(known[value[2]!]!) }),
                      ],
                    })}
                    note={`Over every pair of configs that are equal but for this encoder.${known.length < effects.length ? ` The ${known.length} largest; the table has all.` : ""}`}
                  />
                ) : (
                  <Empty title="No two configs differ by one encoder only" />
                )}
              </div>
            </div>
          );
        }}
      </Shown>
    </section>
  );
}

function CrossTable({ sweep, query }: { sweep: Sweep; query: URLSearchParams }) {
  const here = ["sweep", sweep.id, "ablations"];
  const axes = usePoll<Axes>(`sweeps/${sweep.id}/axes`, 30);
  // The most important ones first: they are what one wants to see against each other.
  const names = (axes.data?.axes ?? [])
    .filter((axis) => axis.values.length > 1)
    .sort((a, b) => (b.importance?.share ?? 0) - (a.importance?.share ?? 0))
    .map((axis) => axis.name);
  const rows = names.includes(query.get("rows") ?? "") ? query.get("rows")! : names[0];
  const columns = names.includes(query.get("columns") ?? "") && query.get("columns") !== rows ? query.get("columns")! : names.find((name) => name !== rows);
  const polled = usePoll<CrossTable>(rows && columns ? `sweeps/${sweep.id}/cross?rows=${encodeURIComponent(rows)}&columns=${encodeURIComponent(columns)}` : null, 10);
  if (axes.data && names.length < 2) return null;
  const choose = (which: "rows" | "columns", value: string) => (
    <label>
      {which === "rows" ? "Rows" : "Columns"}{" "}
      <select value={value} onChange={(event) => {
        const next = event.currentTarget.value;
        const other = which === "rows" ? columns : rows;
        go(to(here, changed(query, next === other ? { rows: columns!, columns: rows! } : { [which]: next })));
      }}>
        {names.map((name) => <option key={name} value={name}>{name}</option>)}
      </select>
    </label>
  );
  return (
    <section aria-label="One axis against another">
      <h2>One axis against another</h2>
      {rows && columns && <div class="bar">{choose("rows", rows)}{choose("columns", columns)}</div>}
      <Shown polled={polled} rows={8}>
        {(table) => {
          const width = table.columns.length;
          const known = table.cells.map((cell) => cell.score).filter((score): score is number => score !== null);
          if (known.length === 0) return <Empty title="No combination has a number yet" />;
          return (
            <Plot
              title={`Mean ${protocolOf(table.ranked_by)} of the configs of each combination: ${table.row_axis} (rows) by ${table.column_axis}`}
              name={`${sweep.id}-${table.row_axis}-by-${table.column_axis}`}
              height={100 + 30 * table.rows.length}
              data={table}
              cells={{
                head: [`${table.row_axis} \\ ${table.column_axis}`, ...table.columns],
                rows: table.rows.map((row, r) => [row, ...table.columns.map((_, c) => share(table.cells[r * width + c]!.score))]),
              }}
              {...(table.columns.join(" ").length > kReadableAcross ? { note: `${table.column_axis}: ${numberedNote(table.columns)}.` } : {})}
              build={(p) => ({
                grid: { left: 10, right: 20, top: 24, bottom: 44, containLabel: true },
                ...matrixAxes(p, table.rows, table.columns),
                visualMap: {
                  min: Math.min(...known), max: Math.max(...known), orient: "horizontal", left: "center", bottom: 0, itemHeight: 120, itemWidth: 10,
                  text: [share(Math.max(...known)), share(Math.min(...known))], textStyle: { color: p.muted, fontSize: 11 }, inRange: { color: p.scale }, show: known.length > 1,
                },
                tooltip: {
                  formatter: ({ value }: { value: [number, number, number] }) => {
                    const cell = table.cells[value[1] * width + value[0]]!;
                    return `${table.row_axis} ${table.rows[value[1]]}, ${table.column_axis} ${table.columns[value[0]]}\nmean ${share(cell.score)} over ${cell.configs} config${cell.configs === 1 ? "" : "s"}, best ${share(cell.best)}${cell.complete ? "" : "\ntrials are missing"}`;
                  },
                },
                series: [{
                  type: "heatmap",
                  data: table.cells.flatMap((cell, i) => (cell.score === null ? [] : [[i % width, Math.floor(i / width), cell.score]])),
                  label: { show: p.width / table.columns.length > 60, fontSize: 11, color: p.text, formatter: ({ value }: { value: number[] }) => share(value[2]) },
                  itemStyle: { borderColor: p.page, borderWidth: 2 },
                }],
              })}
            />
          );
        }}
      </Shown>
    </section>
  );
}

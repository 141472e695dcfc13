// Two to ten configs side by side, and all of them as parallel coordinates.
import type { Leaderboard, LeaderboardRow } from "./api";
import { Marks, markLines } from "./marks";
import { Difference, Shown, columnName, ranked } from "./parts";
import { Plot, errorBars, legend, nameAxis, valueAxis } from "./plot";
import { usePoll } from "./poll";
import { go, to } from "./route";
import { share, valueText } from "./text";

const number = (row: LeaderboardRow, heldOut: boolean, rest: "" | "_low" | "_high") => row.values[`${heldOut ? "held_out" : "paper"}_score${rest}`] ?? null;
const score = (row: LeaderboardRow, heldOut: boolean) => number(row, heldOut, "");
const ends = (row: LeaderboardRow, heldOut: boolean) => [number(row, heldOut, "_low"), number(row, heldOut, "_high")];

/** `order`: the leaderboard's parameters that say in which order its rows stand. */
export function Compare({ sweep, configs, reference, order }: { sweep: string; configs: string[]; reference: string | null; order: Record<string, string> }) {
  const asked = new URLSearchParams({ ...order, configs: configs.join("|"), reference: reference && configs.includes(reference) ? reference : configs[0]! });
  const polled = usePoll<Leaderboard>(`sweeps/${sweep}/leaderboard?${asked}`, 10);
  return (
    <section aria-label="Comparison" class="panel">
      <h2>Comparison</h2>
      <Shown polled={polled} rows={6}>
        {(board) => {
          const rows = board.rows;
          const names = rows.map((row) => ranked({ ...row, name: `${row.pinned ? "★ " : ""}${row.name}` }));
          const marked = rows.some((row) => row.pinned || row.tags.length > 0 || row.note !== "");
          const settings = [...new Set(rows.flatMap((row) => Object.keys(row.settings)))].filter(
            (name) => new Set(rows.map((row) => JSON.stringify(row.settings[name] ?? null))).size > 1,
          );
          return (
            <>
              <Plot
                title="Score with its 95 % interval"
                name={`${sweep}-comparison`}
                height={70 + 40 * rows.length}
                data={[rows, "compare"]}
                build={(p) => {
                  const series = (heldOut: boolean, index: number) => {
                    const shift = heldOut ? 6 : -6;
                    return [
                      {
                        type: "scatter",
                        name: heldOut ? "held-out" : "paper-style (optimistic)",
                        color: p.series(index),
                        symbol: heldOut ? "circle" : "diamond",
                        symbolSize: 8,
                        symbolOffset: [0, shift],
                        data: rows.map((row, i) => [score(row, heldOut), i]),
                        tooltip: {
                          formatter: ({ value }: { value: [number | null, number] }) => {
                            const row = rows[value[1]]!;
                            return `${names[value[1]]}\n${heldOut ? "held-out" : "paper-style"} Score ${share(value[0])}  ${row.texts[heldOut ? "held_out_interval" : "paper_interval"]}`;
                          },
                        },
                      },
                      errorBars(p.series(index), rows.map((row, i) => [...ends(row, heldOut), i]), { lying: true, shift }),
                    ];
                  };
                  return {
                    grid: { left: 10, right: 20, top: 30, bottom: 40, containLabel: true },
                    legend: legend(p),
                    xAxis: valueAxis(p, "Score", { scale: true, axisLabel: { color: p.muted, fontSize: 11, formatter: share, hideOverlap: true } }),
                    yAxis: nameAxis(p, names, { inverse: true, axisLabel: { color: p.text, fontSize: 11, width: Math.min(420, innerWidth / 3), overflow: "truncate" } }),
                    series: [...series(false, 1), ...series(true, 3)],
                  };
                }}
              />
              <div class="scroll">
                <table class="wide compared" style={{ minWidth: `${150 + 110 * rows.length}px` }}>
                  <thead>
                    <tr>
                      <th scope="col">What differs</th>
                      {rows.map((row) => <th scope="col" key={row.config} title={row.name}>{row.rank !== null && `#${row.rank} `}<span class="mono">{row.config}</span></th>)}
                    </tr>
                  </thead>
                  <tbody>
                    {marked && (
                      <tr>
                        <th scope="row">Pin, tags, note</th>
                        {rows.map((row) => <td key={row.config} class="wrap"><Marks row={row} again={null} /></td>)}
                      </tr>
                    )}
                    {settings.map((name) => (
                      <tr key={name}>
                        <th scope="row">{name}</th>
                        {rows.map((row) => <td key={row.config} class="wrap">{row.axis_texts[name] || valueText(row.settings[name])}</td>)}
                      </tr>
                    ))}
                    {board.columns.filter((column) => column.id !== "difference").map((column) => (
                      <tr key={column.id}>
                        <th scope="row" title={column.note}>{columnName(column)}</th>
                        {rows.map((row) => <td key={row.config} class={row.complete ? "tabular" : "tabular mean-incomplete"}>{row.texts[column.id]}</td>)}
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
                  </tbody>
                </table>
              </div>
            </>
          );
        }}
      </Shown>
    </section>
  );
}

export function Parallel({ sweep, board }: { sweep: string; board: Leaderboard }) {
  const heldOut = board.ranked_by === "held-out";
  const rows = board.rows.filter((row) => score(row, heldOut) !== null);
  const scores = rows.map((row) => score(row, heldOut)!);
  const series = [rows.filter((row) => !row.pinned), rows.filter((row) => row.pinned)];
  const values = (row: LeaderboardRow) => [...board.axes.map((axis) => row.axis_texts[axis] || "-"), score(row, heldOut)];
  const pinned = series[1]!.length > 0;
  return (
    <>
      <Plot
        title={`Every config by its axes and ${heldOut ? "held-out" : "paper-style"} Score`}
        name={`${sweep}-parallel`}
        height={440}
        data={rows.map((row) => [row.config, values(row), row.pinned, row.tags, row.note])}
        onClick={(event) => {
          const row = series[event.seriesIndex]?.[event.dataIndex];
          if (row) go(to(["sweep", sweep, "trials"], { config: row.config }));
        }}
        build={(p) => ({
          parallel: { left: 60, right: 80, top: 40, bottom: 24, parallelAxisDefault: {
            nameTextStyle: { color: p.text, fontSize: 12 },
            axisLine: { lineStyle: { color: p.muted } },
            axisTick: { lineStyle: { color: p.muted } },
            axisLabel: { color: p.text, textBorderColor: p.page, textBorderWidth: 3, fontSize: 11, width: 150, overflow: "truncate" },
          } },
          parallelAxis: [
            ...board.axes.map((axis, dim) => ({
              dim,
              name: axis,
              type: "category",
              data: (board.axis_values[axis] ?? []).map(({ text }) => text),
            })),
            { dim: board.axes.length, name: "Score", scale: true, axisLabel: { color: p.text, formatter: share } },
          ],
          visualMap: {
            show: false,
            seriesIndex: 0,
            dimension: board.axes.length,
            min: Math.min(...scores),
            max: Math.max(...scores),
            inRange: { color: [p.scale[3], p.series(1)] },
          },
          tooltip: {
            formatter: ({ seriesIndex, dataIndex }: { seriesIndex: number; dataIndex: number }) => {
              const row = series[seriesIndex]?.[dataIndex];
              return row ? [ranked(row), `Score ${share(score(row, heldOut))}`, ...markLines(row)].join("\n") : "";
            },
          },
          series: [
            { lineStyle: { width: 1.5, opacity: pinned ? 0.65 : 0.8 }, emphasis: { lineStyle: { width: 3, opacity: 1 } } },
            { lineStyle: { width: 4, opacity: 1, color: p.series(2) }, emphasis: { lineStyle: { width: 6 } }, z: 3 },
          ].map((style, i) => ({ type: "parallel", ...style, data: series[i]!.map(values) })),
        })}
      />
      <p class="legend">
        Drag along an axis to choose a range; click a line for its trials.{pinned && " Pinned configs: thick and orange."} {board.total > board.rows.length && `The first ${board.rows.length} of ${board.total} configs.`}
      </p>
    </>
  );
}

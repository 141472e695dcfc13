// Curves by epoch.
import { Plot, legend, valueAxis } from "./plot";

export interface Line {
  name: string;
  values: (number | null)[];
  /** Index into the page's series colours. */
  color: number;
  dashed?: boolean;
}

/** What ECharts tells of one line at the pointer. */
interface Hover {
  marker: string;
  seriesName: string;
  value: [number, number | null];
}

export function Curves({
  title,
  name,
  epochs,
  lines,
  marks,
  print,
}: {
  title: string;
  name: string;
  epochs: number[];
  lines: Line[];
  marks: { epoch: number; label: string }[];
  print: (value: number) => string;
}) {
  return (
    <Plot
      title={title}
      name={name}
      height={260}
      data={[epochs, lines, marks]}
      cells={{
        head: ["Epoch", ...lines.map((line) => line.name)],
        rows: epochs.map((epoch, i) => [String(epoch), ...lines.map(({ values }) => (values[i] == null ? "–" : print(values[i])))]),
      }}
      build={(p) => ({
        grid: { left: 46, right: 14, top: 46, bottom: 40 },
        legend: legend(p, { itemWidth: 18, itemHeight: 2, icon: "rect" }),
        tooltip: {
          trigger: "axis",
          formatter: (points: Hover[]) =>
            [
              `epoch ${points[0]?.value[0] ?? ""}`,
              ...points.map(({ marker, seriesName, value }) => `${marker}${seriesName}  ${value[1] === null ? "–" : print(value[1])}`),
            ].join("\n"),
          axisPointer: { lineStyle: { color: p.muted, width: 1, type: "solid" } },
        },
        xAxis: valueAxis(p, "epoch", {
          min: epochs[0] ?? 0,
          max: epochs[epochs.length - 1] ?? 1,
          minInterval: 1,
          nameGap: 24,
          splitLine: { show: false },
        }),
        yAxis: valueAxis(p, "", { scale: true, splitNumber: 4, axisLabel: { color: p.muted, fontSize: 11, formatter: print } }),
        series: lines.map((line, index) => ({
          type: "line",
          name: line.name,
          data: epochs.map((epoch, i) => [epoch, line.values[i] ?? null]),
          showSymbol: epochs.length === 1,
          symbolSize: 5,
          lineStyle: { width: 1.6, type: line.dashed ? "dashed" : "solid" },
          color: p.series(line.color),
          emphasis: { disabled: true },
          markLine:
            index === 0 && marks.length
              ? {
                  silent: true,
                  symbol: "none",
                  animation: false,
                  lineStyle: { color: p.muted, type: "dotted", width: 1 },
                  label: { color: p.muted, fontSize: 11, position: "end", distance: 3, formatter: "{b}" },
                  data: marks.map((mark) => ({ name: mark.label, xAxis: mark.epoch })),
                }
              : undefined,
        })),
      })}
    />
  );
}

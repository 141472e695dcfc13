// Curves by epoch, smoothed where the address says so.
import type { JSX } from "preact";

import { Plot, legend, valueAxis } from "./plot";
import { changed, go, to, useRoute } from "./route";
import { share } from "./text";

const kWeights = ["0.6", "0.9"];

/** The weight of the moving average that curves are drawn as (0: none), and the field that chooses it. */
export function useSmoothing(): { smooth: number; choice: JSX.Element } {
  const { parts, query } = useRoute();
  const asked = kWeights.find((weight) => weight === query.get("smooth")) ?? "";
  const choice = (
    <label>
      Smoothing{" "}
      <select value={asked} onChange={(event) => go(to(parts, changed(query, { smooth: event.currentTarget.value })), "replace")}>
        <option value="">none</option>
        {kWeights.map((weight) => <option key={weight} value={weight}>moving average, {share(Number(weight))}</option>)}
      </select>
    </label>
  );
  return { smooth: Number(asked), choice };
}

/** Exponential moving average without its bias towards 0 (Kingma & Ba, 2015, section 3). */
export function smoothed(values: (number | null)[], weight: number): (number | null)[] {
  let [sum, bias] = [0, 1];
  return values.map((value) => {
    if (value === null || weight === 0) return value;
    sum = weight * sum + (1 - weight) * value;
    bias *= weight;
    return sum / (1 - bias);
  });
}

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
  seriesIndex: number;
  seriesName: string;
  value: [number, number | null];
}

export function Curves({
  title,
  name,
  epochs,
  lines: asked,
  marks,
  print,
  smooth,
}: {
  title: string;
  name: string;
  epochs: number[];
  lines: Line[];
  marks: { epoch: number; label: string }[];
  print: (value: number) => string;
  smooth: number;
}) {
  const lines = asked.map((line) => (smooth ? { ...line, name: `${line.name}, smoothed`, values: smoothed(line.values, smooth) } : line));
  const points = (values: (number | null)[]) => epochs.map((epoch, i) => [epoch, values[i] ?? null]);
  return (
    <Plot
      title={title}
      name={name}
      height={260}
      data={[epochs, asked, marks, smooth]}
      cells={{
        head: ["Epoch", ...lines.map((line) => line.name)],
        rows: epochs.map((epoch, i) => [String(epoch), ...lines.map(({ values }) => (values[i] == null ? "–" : print(values[i])))]),
      }}
      build={(p) => ({
        grid: { left: 46, right: 14, top: 46, bottom: 40 },
        legend: legend(p, { itemWidth: 18, itemHeight: 2, icon: "rect" }),
        tooltip: {
          trigger: "axis",
          formatter: (hovers: Hover[]) =>
            [
              `epoch ${hovers[0]?.value[0] ?? ""}`,
              ...hovers.filter(({ seriesIndex }) => seriesIndex < lines.length).map(({ marker, seriesName, value }) => `${marker}${seriesName}  ${value[1] === null ? "–" : print(value[1])}`),
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
        series: [...lines.map((line, index) => ({
          type: "line",
          name: line.name,
          data: points(line.values),
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
        })), ...(smooth ? asked : []).map((line) => ({  // as measured, beneath
          type: "line",
          data: points(line.values),
          showSymbol: false,
          silent: true,
          lineStyle: { width: 1, opacity: 0.25 },
          color: p.series(line.color),
          emphasis: { disabled: true },
          z: 1,
        }))],
      })}
    />
  );
}

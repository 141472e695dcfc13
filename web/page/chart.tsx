// Line charts by ECharts on a canvas (its HTML tooltips would need inline styles, which the page's policy refuses).
import { LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { useEffect, useRef } from "preact/hooks";

import { useTheme } from "./theme";

echarts.use([LineChart, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, CanvasRenderer]);

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
  epochs,
  lines,
  marks,
  print,
}: {
  title: string;
  epochs: number[];
  lines: Line[];
  marks: { epoch: number; label: string }[];
  print: (value: number) => string;
}) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<echarts.ECharts | null>(null);
  const theme = useTheme();

  useEffect(() => {
    if (!place.current) return;
    const made = echarts.init(place.current, undefined, { renderer: "canvas" });
    chart.current = made;
    const watch = new ResizeObserver(() => made.resize());
    watch.observe(place.current);
    return () => {
      watch.disconnect();
      made.dispose();
      chart.current = null;
    };
  }, []);

  useEffect(() => {
    const style = getComputedStyle(document.documentElement);
    const color = (name: string) => style.getPropertyValue(name).trim();
    const text = color("--muted");
    const font = style.getPropertyValue("--sans");
    chart.current?.setOption(
      {
        animation: false,
        textStyle: { fontFamily: font, color: text },
        grid: { left: 46, right: 14, top: 46, bottom: 40 },
        legend: {
          top: 0,
          left: 0,
          itemWidth: 18,
          itemHeight: 2,
          itemGap: 18,
          icon: "rect",
          textStyle: { color: color("--text"), fontSize: 12 },
          inactiveColor: color("--line"),
        },
        tooltip: {
          trigger: "axis",
          renderMode: "richText",
          backgroundColor: color("--raised"),
          borderColor: color("--line"),
          borderWidth: 1,
          textStyle: { color: color("--text"), fontSize: 12 },
          formatter: (points: Hover[]) =>
            [
              `epoch ${points[0]?.value[0] ?? ""}`,
              ...points.map(({ marker, seriesName, value }) => `${marker}${seriesName}  ${value[1] === null ? "–" : print(value[1])}`),
            ].join("\n"),
          axisPointer: { lineStyle: { color: color("--muted"), width: 1, type: "solid" } },
        },
        xAxis: {
          type: "value",
          min: epochs[0] ?? 0,
          max: epochs[epochs.length - 1] ?? 1,
          minInterval: 1,
          name: "epoch",
          nameLocation: "middle",
          nameGap: 24,
          nameTextStyle: { color: text, fontSize: 12 },
          axisLine: { lineStyle: { color: color("--line") } },
          axisTick: { show: false },
          axisLabel: { color: text, fontSize: 11 },
          splitLine: { show: false },
        },
        yAxis: {
          type: "value",
          scale: true,
          axisLabel: { color: text, fontSize: 11, formatter: print },
          splitLine: { lineStyle: { color: color("--faint") } },
          splitNumber: 4,
        },
        series: lines.map((line, index) => ({
          type: "line",
          name: line.name,
          data: epochs.map((epoch, i) => [epoch, line.values[i] ?? null]),
          showSymbol: epochs.length === 1,
          symbolSize: 5,
          lineStyle: { width: 1.6, type: line.dashed ? "dashed" : "solid" },
          color: color(`--series-${line.color}`),
          emphasis: { disabled: true },
          markLine:
            index === 0 && marks.length
              ? {
                  silent: true,
                  symbol: "none",
                  animation: false,
                  lineStyle: { color: text, type: "dotted", width: 1 },
                  label: { color: text, fontSize: 11, position: "end", distance: 3, formatter: "{b}" },
                  data: marks.map((mark) => ({ name: mark.label, xAxis: mark.epoch })),
                }
              : undefined,
        })),
      },
      { notMerge: true },
    );
  }, [epochs, lines, marks, theme, print]);

  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div ref={place} class="chart-place" role="img" aria-label={`${title}; the values are at /api/v1`} />
    </figure>
  );
}

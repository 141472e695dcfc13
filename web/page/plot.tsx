// One chart by ECharts on a canvas, with its picture to save. Its HTML tooltips would need inline styles, which the
// page's policy refuses: tooltips are drawn on the canvas too.
import { BarChart, BoxplotChart, CustomChart, HeatmapChart, LineChart, ParallelChart, ScatterChart } from "echarts/charts";
import {
  DataZoomComponent,
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  ParallelComponent,
  TooltipComponent,
  VisualMapComponent,
} from "echarts/components";
import * as echarts from "echarts/core";
import { LabelLayout } from "echarts/features";
import { CanvasRenderer, SVGRenderer } from "echarts/renderers";
import { useEffect, useRef } from "preact/hooks";

import { middle } from "./text";
import { useTheme } from "./theme";

echarts.use([
  BarChart, BoxplotChart, CustomChart, HeatmapChart, LineChart, ParallelChart, ScatterChart, DataZoomComponent,
  GridComponent, LegendComponent, MarkLineComponent, ParallelComponent, TooltipComponent, VisualMapComponent,
  LabelLayout, CanvasRenderer, SVGRenderer,
]);

const kSeries = 8;
const kDashes = ["solid", "dashed", "dotted", [8, 3, 2, 3], [12, 4]];
const kMarkers = ["circle", "rect", "triangle", "diamond", "emptyCircle", "emptyRect", "emptyTriangle", "emptyDiamond"];
const kMostLabel = 40;  // characters of a name on an axis
const kLabelWidth = 250;  // px

/** The page's colours, read when a chart is drawn. */
export interface Palette {
  text: string;
  muted: string;
  line: string;
  faint: string;
  page: string;
  raised: string;
  font: string;
  /** From 1; goes round. */
  series: (index: number) => string;
  /** Colour, dashes and marker of a line: each tells it apart without the others. From 1. */
  stroke: (index: number) => Option;
  /** Colour of a point; hollow: optimistic. */
  mark: (index: number, hollow?: boolean) => Option;
  /** From nothing to much. */
  scale: string[];
  good: string;
  bad: string;
}

function palette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const series = (index: number) => color(`--series-${((index - 1) % kSeries) + 1}`);
  return {
    text: color("--text"),
    muted: color("--muted"),
    line: color("--line"),
    faint: color("--faint"),
    page: color("--page"),
    raised: color("--raised"),
    font: style.getPropertyValue("--sans"),
    series,
    stroke: (index) => ({
      lineStyle: { width: 1.8, type: kDashes[(index - 1) % kDashes.length], color: series(index) },
      symbol: kMarkers[(index - 1) % kMarkers.length],
    }),
    mark: (index, hollow) => ({
      color: series(index),
      itemStyle: hollow ? { color: color("--page"), borderColor: series(index), borderWidth: 1.5 } : { color: series(index) },
    }),
    scale: [color("--scale-0"), color("--scale-1"), color("--scale-2"), color("--scale-3")],
    good: color("--good"),
    bad: color("--bad"),
  };
}

/** ECharts' own option type does not know which charts are registered. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Option = Record<string, any>;

/** What all charts share: fonts, tooltip, no animation. */
function complete(option: Option, p: Palette): Option {
  return {
    animation: false,
    textStyle: { fontFamily: p.font, color: p.muted },
    ...option,
    tooltip: {
      trigger: "item",
      renderMode: "richText",
      confine: true,
      backgroundColor: p.raised,
      borderColor: p.line,
      borderWidth: 1,
      textStyle: { color: p.text, fontSize: 12 },
      ...option["tooltip"],
    },
  };
}

/** .25 rather than 0.25, as elsewhere on the page. */
const tick = (value: number) => String(value).replace(/^(-?)0\./, "$1.");

/** An axis of numbers. */
export function valueAxis(p: Palette, name: string, extra: Option = {}): Option {
  return {
    type: "value",
    name,
    nameLocation: "middle",
    nameGap: 30,
    nameTextStyle: { color: p.muted, fontSize: 12 },
    axisLine: { lineStyle: { color: p.line } },
    axisTick: { show: false },
    axisLabel: { color: p.muted, fontSize: 11, formatter: tick },
    splitLine: { lineStyle: { color: p.faint } },
    ...extra,
  };
}

/** An axis of names: long ones lose their middle, and the tooltip of a mark has them whole. */
export function nameAxis(p: Palette, names: string[], extra: Option = {}): Option {
  return {
    type: "category",
    data: names,
    axisLine: { lineStyle: { color: p.line } },
    axisTick: { show: false },
    splitLine: { show: false },
    nameTextStyle: { color: p.muted, fontSize: 12 },
    ...extra,
    axisLabel: {
      color: p.text,
      fontSize: 11,
      interval: 0,
      width: kLabelWidth,
      overflow: "truncate",
      formatter: (name: string) => middle(name, kMostLabel),
      ...extra["axisLabel"],
    },
  };
}

export function legend(p: Palette, extra: Option = {}): Option {
  return {
    top: 0,
    left: 0,
    itemWidth: 14,
    itemHeight: 8,
    itemGap: 16,
    textStyle: { color: p.text, fontSize: 12 },
    inactiveColor: p.line,
    ...extra,
  };
}

/**
 * Intervals as error bars: data are [x, low, high] (or [low, high, y] lying). Category axes take indices. They answer
 * the pointer with `text` of their data.
 */
export function errorBars(
  color: string,
  data: (number | null)[][],
  extra: Option & { lying?: boolean; shift?: number; text?: (value: number[]) => string } = {},
): Option {
  const { lying, shift = 0, text, ...rest } = extra;
  return {
    type: "custom",
    silent: text === undefined,
    tooltip: { formatter: ({ value }: { value: number[] }) => text?.(value) ?? "" },
    z: 3,
    clip: true,
    encode: lying ? { x: [0, 1], y: 2 } : { x: 0, y: [1, 2] },  // the axes make room for both ends
    data: data.filter((row) => row.every((value) => value !== null)),
    renderItem: (_: unknown, api: { value: (i: number) => number; coord: (p: number[]) => number[] }) => {
      const [a, b] = lying
        ? [api.coord([api.value(0), api.value(2)]), api.coord([api.value(1), api.value(2)])]
        : [api.coord([api.value(0), api.value(1)]), api.coord([api.value(0), api.value(2)])];
      const move = lying ? [0, shift] : [shift, 0];
      const [ax, ay, bx, by] = [a[0]! + move[0]!, a[1]! + move[1]!, b[0]! + move[0]!, b[1]! + move[1]!];
      const cap = 4;
      const style = { stroke: color, lineWidth: 1.4, fill: null };
      const line = (x1: number, y1: number, x2: number, y2: number) => ({ type: "line", shape: { x1, y1, x2, y2 }, style });
      const reach = { ...line(ax, ay, bx, by), style: { stroke: color, lineWidth: 12, opacity: 0 } };  // for the pointer
      return {
        type: "group",
        children: lying
          ? [reach, line(ax, ay, bx, by), line(ax, ay - cap, ax, ay + cap), line(bx, by - cap, bx, by + cap)]
          : [reach, line(ax, ay, bx, by), line(ax - cap, ay, ax + cap, ay), line(bx - cap, by, bx + cap, by)],
      };
    },
    ...rest,
  };
}

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/**
 * `build` makes the option; it is called again when `data` (compared as JSON) or the theme changes. `name` is of the
 * files that are saved.
 */
export function Plot({
  title,
  name,
  data,
  build,
  height = 300,
  onClick,
  note,
}: {
  title: string;
  name: string;
  data: unknown;
  build: (p: Palette) => Option;
  height?: number;
  onClick?: (event: { dataIndex: number; seriesIndex: number; name: string; data: unknown }) => void;
  note?: string;
}) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<echarts.ECharts | null>(null);
  const theme = useTheme();
  const key = JSON.stringify(data);

  useEffect(() => {
    if (!place.current) return;
    const made = echarts.init(place.current, undefined, { renderer: "canvas" });
    chart.current = made;
    const watch = new ResizeObserver(() => made.resize());
    watch.observe(place.current);
    return () => {
      watch.disconnect();
      // ECharts 6.1 paints heat maps in slices of 15 ms and forgets the next slice only when it repaints: without
      // this a chart that is left half painted throws in the next frame.
      made.clear();
      made.getZr().refreshImmediately();
      made.dispose();
      chart.current = null;
    };
  }, [height]);

  useEffect(() => {
    const p = palette();
    chart.current?.setOption(complete(build(p), p), { notMerge: true });
  }, [key, theme, height]);

  useEffect(() => {
    const made = chart.current;
    if (!made || !onClick) return;
    const clicked = (event: unknown) => onClick(event as Parameters<typeof onClick>[0]);
    made.on("click", clicked);
    return () => void made.off("click", clicked);
  }, [onClick, height]);

  const png = () => {
    const url = chart.current?.getDataURL({ type: "png", pixelRatio: 3, backgroundColor: palette().page });
    if (!url) return;
    const bytes = Uint8Array.from(atob(url.slice(url.indexOf(",") + 1)), (c) => c.charCodeAt(0));
    save(new Blob([bytes], { type: "image/png" }), `${name}.png`);
  };
  const svg = () => {
    const size = { width: place.current?.clientWidth ?? 640, height };
    const p = palette();
    const drawn = echarts.init(null, undefined, { renderer: "svg", ssr: true, ...size });
    drawn.setOption({ ...complete(build(p), p), backgroundColor: p.page });
    const text = drawn.renderToSVGString();
    drawn.dispose();
    save(new Blob([text], { type: "image/svg+xml" }), `${name}.svg`);
  };

  return (
    <figure class="chart">
      <figcaption>
        <span>{title}</span>
        <span class="save">
          <button type="button" class="quiet" onClick={png} title={`Save “${title}” as a PNG picture`}>PNG</button>
          <button type="button" class="quiet" onClick={svg} title={`Save “${title}” as an SVG picture`}>SVG</button>
        </span>
      </figcaption>
      <div ref={place} class="chart-place" style={{ height: `${height}px` }} role="img" aria-label={`${title}; the values are at /api/v1`} />
      {note && <p class="legend">{note}</p>}
    </figure>
  );
}

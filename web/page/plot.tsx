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

import { CellTable } from "./cells";
import type { Cells } from "./cells";
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

/** `of` an element of class on-paper: those of the light theme. */
function palette(of: Element = document.documentElement): Palette {
  const style = getComputedStyle(of);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const series = (index: number) => color(`--series-${((index - 1) % kSeries) + 1}`);
  return {
    text: color("--text"),
    muted: color("--muted"),
    line: color("--line"),
    faint: color("--faint"),
    page: color("--page"),
    raised: color("--raised"),
    font: style.getPropertyValue("--sans").replaceAll('"', "'"),  // ECharts writes it into attributes of SVG as it is
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

const kPixelRatio = 3;
const kLine = 18;  // px, of a saved chart's title

/** In lines of at most `most` characters. */
function wrapped(text: string, most: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1]!;
    if (last && last.length + word.length + 1 > most) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines;
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
  cells,
}: {
  title: string;
  name: string;
  data: unknown;
  build: (p: Palette) => Option;
  height?: number;
  onClick?: (event: { dataIndex: number; seriesIndex: number; name: string; data: unknown }) => void;
  note?: string;
  /** Its values, for who cannot see it and to copy. */
  cells?: Cells | undefined;
}) {
  const paper = useRef<HTMLSpanElement>(null);
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

  /** Light, with what it shows above it, whatever the page looks like. */
  const drawn = (renderer: "canvas" | "svg", p: Palette) => {
    const size = { width: Math.max(480, place.current?.clientWidth ?? 640), height };
    const made = echarts.init(renderer === "svg" ? null : document.createElement("div"), undefined, { renderer, ssr: renderer === "svg", ...size });
    made.setOption({ ...complete(build(p), p), backgroundColor: p.page });
    const about = document.title.replace(/ · Medley$/, "");
    const lines = [...wrapped(title, size.width / 6.6), about];
    return { made, lines, top: kLine * lines.length + 12, ...size };
  };
  const png = () => {
    const p = palette(paper.current!);
    const { made, lines, top, width } = drawn("canvas", p);
    const canvas = document.createElement("canvas");
    canvas.width = width * kPixelRatio;
    canvas.height = (height + top) * kPixelRatio;
    const ink = canvas.getContext("2d")!;
    ink.scale(kPixelRatio, kPixelRatio);
    ink.fillStyle = p.page;
    ink.fillRect(0, 0, width, height + top);
    lines.forEach((line, i) => {
      const last = i === lines.length - 1;
      ink.font = `${last ? "" : "600 "}12px ${p.font}`;
      ink.fillStyle = last ? p.muted : p.text;
      ink.fillText(line, 10, kLine * (i + 1));
    });
    ink.drawImage(made.renderToCanvas({ pixelRatio: kPixelRatio }), 0, top, width, height);
    made.dispose();
    canvas.toBlob((blob) => blob && save(blob, `${name}.png`), "image/png");
  };
  const svg = () => {
    const p = palette(paper.current!);
    const { made, lines, top, width } = drawn("svg", p);
    const inner = made.renderToSVGString();
    made.dispose();
    const words = lines.map((line, i) => {
      const last = i === lines.length - 1;
      const text = line.replace(/[&<>]/g, (one) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[one]!);
      return `<text x="10" y="${kLine * (i + 1)}" font-size="12" font-weight="${last ? 400 : 600}" fill="${last ? p.muted : p.text}">${text}</text>`;
    });
    const sized = `width="${width}" height="${height + top}" viewBox="0 0 ${width} ${height + top}"`;
    const whole = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ${sized} font-family="${p.font}"><rect width="100%" height="100%" fill="${p.page}"/>${words.join("")}<g transform="translate(0 ${top})">${inner}</g></svg>`;
    save(new Blob([whole], { type: "image/svg+xml" }), `${name}.svg`);
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
      <div ref={place} class="chart-place" style={{ height: `${height}px` }} role="img" aria-label={`${title}; the values are ${cells ? "in the table below" : "at /api/v1"}`} />
      <span ref={paper} class="on-paper hidden" />
      {note && <p class="legend">{note}</p>}
      {cells && <CellTable cells={cells} caption={title} />}
    </figure>
  );
}

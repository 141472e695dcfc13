// One chart by ECharts on a canvas, with its picture to save. Its HTML tooltips would need inline styles, which the
// page's policy refuses: tooltips are drawn on the canvas too.
import { BarChart, BoxplotChart, CustomChart, HeatmapChart, LineChart, ParallelChart, ScatterChart } from "echarts/charts";
import {
  BrushComponent,
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
import { useEffect, useRef, useState } from "preact/hooks";

import { CellTable, save } from "./cells";
import type { Cells } from "./cells";
import { pick } from "./report";
import { middle } from "./text";
import { useTheme } from "./theme";

echarts.use([
  BarChart, BoxplotChart, CustomChart, HeatmapChart, LineChart, ParallelChart, ScatterChart, BrushComponent, DataZoomComponent,
  GridComponent, LegendComponent, MarkLineComponent, ParallelComponent, TooltipComponent, VisualMapComponent,
  LabelLayout, CanvasRenderer, SVGRenderer,
]);

const kSeries = 8;
const kDashes = ["solid", "dashed", "dotted", [8, 3, 2, 3], [12, 4]];
const kMarkers = ["circle", "rect", "triangle", "diamond", "emptyCircle", "emptyRect", "emptyTriangle", "emptyDiamond"];
const kMostLabel = 40;  // characters of a name on an axis
const kMostLegend = 32;  // characters of a name in a legend
const kLabelWidth = 250;  // px, and at most two fifths of the chart
const kLetter = 6.25;     // px, of an axis
const kLeastName = 10;    // letters: a shorter piece of a name tells nothing

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
  /** From low to high: even steps of lightness, which both kinds of colour blindness keep. */
  ramp: string[];
  /** The colour of the ramp at 0 to 1. */
  shade: (share: number) => string;
  good: string;
  bad: string;
  /** px, of the chart. */
  width: number;
}

/** `of` an element of class on-paper: those of the light theme. */
function palette(width: number, of: Element = document.documentElement): Palette {
  const style = getComputedStyle(of);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const ramp = [0, 1, 2, 3, 4].map((i) => color(`--ramp-${i}`));
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
    ramp,
    shade: (share) => {
      const at = Math.max(0, Math.min(1, share)) * (ramp.length - 1);
      const [a, b] = [ramp[Math.floor(at)]!, ramp[Math.ceil(at)]!];
      const part = (from: number) => Math.round(parseInt(a.slice(from, from + 2), 16) * (1 - (at % 1)) + parseInt(b.slice(from, from + 2), 16) * (at % 1));
      return `rgb(${part(1)}, ${part(3)}, ${part(5)})`;
    },
    good: color("--good"),
    bad: color("--bad"),
    width,
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
export const tick = (value: number) => String(value).replace(/^(-?)0\./, "$1.");

/** An axis of numbers. */
export function valueAxis(p: Palette, name: string, extra: Option = {}): Option {
  return {
    type: "value",
    name: middle(name, Math.floor(p.width / kLetter / 1.3)),
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
      width: labelWidth(p),
      overflow: "truncate",
      formatter: (name: string) => middle(name, Math.min(kMostLabel, Math.floor(labelWidth(p) / kLetter))),
      ...extra["axisLabel"],
    },
  };
}

const labelWidth = (p: Palette) => Math.min(kLabelWidth, 0.4 * p.width);

/**
 * Both axes of a matrix. Names of columns lie: where they do not fit side by side, columns have the numbers that stand
 * before the rows' names. `columns` null: the same names.
 */
export function matrixAxes(p: Palette, rows: string[], columns: string[] | null = null, extra: Option = {}): Option {
  const across = columns ?? rows;
  const room = Math.floor((p.width - labelWidth(p)) / across.length / kLetter) - 1;  // letters of each
  const longest = Math.max(...across.map((name) => name.length));
  const short = longest <= room || room >= kLeastName;
  const numbered = (names: string[]) => names.map((name, i) => `${i + 1}  ${name}`);
  const every = Math.max(0, Math.ceil(3 / Math.max(1, room + 1)) - 1);  // numbers of two digits side by side
  return {
    xAxis: nameAxis(p, across, {
      position: "top",
      ...extra,
      axisLabel: {
        color: short ? p.text : p.muted,
        interval: short ? 0 : every,
        width: undefined,
        formatter: (name: string, i: number) => (short ? middle(name, room) : String(i + 1)),
      },
    }),
    yAxis: nameAxis(p, short || columns ? rows : numbered(rows), { inverse: true }),
  };
}

/** What the numbers of columns mean, where rows do not say it. */
export const numberedNote = (names: string[]) => names.map((name, i) => `${i + 1} ${name}`).join(", ");

export function legend(p: Palette, extra: Option = {}): Option {
  return {
    top: 0,
    left: 0,
    itemWidth: 14,
    itemHeight: 8,
    itemGap: 16,
    formatter: (name: string) => middle(name, kMostLegend),
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

/** The config that the pointer is on: all charts of the page that have it show it. */
let hovered: string | null = null;
const watchers = new Set<() => void>();

function hover(id: string | null): void {
  if (id === hovered) return;
  hovered = id;
  for (const watcher of watchers) watcher();
}

type Stretch = [number, number];
const finePointer = matchMedia("(pointer: fine)");  // a finger scrolls the page

/** A rectangle to choose by. */
const brush = (p: Palette): Option => ({
  xAxisIndex: 0,
  toolbox: [],
  brushStyle: { borderWidth: 1, color: "rgba(128, 128, 128, 0.15)", borderColor: p.muted },
  outOfBrush: {},
});

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
  ids,
  onAxis,
  onArea,
}: {
  title: string;
  name: string;
  data: unknown;
  build: (p: Palette) => Option;
  height?: number;
  onClick?: (event: { dataIndex: number; seriesIndex: number; name: string; data: unknown }) => void;
  note?: string;
  /** Its values, for who cannot see it and to copy. */
  cells: Cells;
  /** What each mark of each series stands for: the pointer on one shows it in every chart. */
  ids?: string[][];
  /** After a stretch of an axis of parallel coordinates has been drawn over. */
  onAxis?: (axis: number, range: Stretch) => void;
  /** After a rectangle has been drawn over. */
  onArea?: (across: Stretch, up: Stretch) => void;
}) {
  const [said, setSaid] = useState("");
  const paper = useRef<HTMLSpanElement>(null);
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<echarts.ECharts | null>(null);
  const draw = useRef(() => {});
  const theme = useTheme();
  const key = JSON.stringify(data);

  useEffect(() => {
    if (!place.current) return;
    const made = echarts.init(place.current, undefined, { renderer: "canvas" });
    chart.current = made;
    let width = place.current.clientWidth;
    const watch = new ResizeObserver(() => {
      made.resize();
      if (made.getWidth() === width) return;
      width = made.getWidth();
      draw.current();
    });
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

  const areas = onArea !== undefined && finePointer.matches;
  draw.current = () => {
    const p = palette(chart.current!.getWidth());
    chart.current!.setOption({ ...complete(build(p), p), ...(areas && { brush: brush(p) }) }, { notMerge: true });
    if (areas) chart.current!.dispatchAction({ type: "takeGlobalCursor", key: "brush", brushOption: { brushType: "rect", brushMode: "single" } });
  };
  useEffect(() => draw.current(), [key, theme, height]);

  useEffect(() => {
    const made = chart.current;
    if (!made || !onClick) return;
    const clicked = (event: unknown) => onClick(event as Parameters<typeof onClick>[0]);
    made.on("click", clicked);
    return () => void made.off("click", clicked);
  }, [onClick, height]);

  const choose = useRef<{ onAxis: typeof onAxis; onArea: typeof onArea }>({ onAxis, onArea });
  choose.current = { onAxis, onArea };
  useEffect(() => {
    const made = chart.current;
    if (!made) return;
    const axis = (event: unknown) => {
      const { parallelAxisId, intervals } = event as { parallelAxisId: string; intervals: Stretch[] };
      if (intervals[0]) choose.current.onAxis?.(Number(parallelAxisId), [Math.min(...intervals[0]), Math.max(...intervals[0])]);
    };
    const area = (event: unknown) => {
      const [drawn] = (event as { areas: { coordRange: [Stretch, Stretch] }[] }).areas;
      if (drawn) choose.current.onArea?.(...drawn.coordRange);
    };
    made.on("axisareaselected", axis);
    made.on("brushend", area);
    return () => {
      made.off("axisareaselected", axis);
      made.off("brushend", area);
    };
  }, [height]);

  const marks = useRef(ids);
  marks.current = ids;
  useEffect(() => {
    const made = chart.current;
    if (!made || !marks.current) return;
    const over = (event: unknown) => {
      const { seriesIndex, dataIndex } = event as { seriesIndex: number; dataIndex: number };
      hover(marks.current?.[seriesIndex]?.[dataIndex] ?? null);
    };
    const out = () => hover(null);
    const show = () => {
      made.dispatchAction({ type: "downplay" });
      marks.current?.forEach((series, seriesIndex) => {
        const dataIndex = hovered === null ? -1 : series.indexOf(hovered);
        if (dataIndex >= 0) made.dispatchAction({ type: "highlight", seriesIndex, dataIndex });
      });
    };
    made.on("mouseover", over);
    made.on("mouseout", out);
    watchers.add(show);
    return () => {
      made.off("mouseover", over);
      made.off("mouseout", out);
      watchers.delete(show);
    };
  }, [height, ids !== undefined]);

  /** Light, with what it shows above it, whatever the page looks like. */
  const drawn = (renderer: "canvas" | "svg") => {
    const size = { width: Math.max(480, place.current?.clientWidth ?? 640), height };
    const p = palette(size.width, paper.current!);
    const made = echarts.init(renderer === "svg" ? null : document.createElement("div"), undefined, { renderer, ssr: renderer === "svg", ...size });
    made.setOption({ ...complete(build(p), p), backgroundColor: p.page });
    const about = document.title.replace(/ · Medley$/, "");
    const lines = [...wrapped(title, size.width / 6.6), about];
    return { made, p, lines, top: kLine * lines.length + 12, ...size };
  };
  const png = () => {
    const { made, p, lines, top, width } = drawn("canvas");
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
  const svg = (): string => {
    const { made, p, lines, top, width } = drawn("svg");
    const inner = made.renderToSVGString();
    made.dispose();
    const words = lines.map((line, i) => {
      const last = i === lines.length - 1;
      const text = line.replace(/[&<>]/g, (one) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[one]!);
      return `<text x="10" y="${kLine * (i + 1)}" font-size="12" font-weight="${last ? 400 : 600}" fill="${last ? p.muted : p.text}">${text}</text>`;
    });
    const sized = `width="${width}" height="${height + top}" viewBox="0 0 ${width} ${height + top}"`;
    return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ${sized} font-family="${p.font}"><rect width="100%" height="100%" fill="${p.page}"/>${words.join("")}<g transform="translate(0 ${top})">${inner}</g></svg>`;
  };

  return (
    <figure class="chart">
      <figcaption>
        <span>{title}</span>
        <span class="save">
          <button type="button" class="quiet" onClick={png} title={`Save “${title}” as a PNG picture`}>PNG</button>
          <button type="button" class="quiet" onClick={() => save(new Blob([svg()], { type: "image/svg+xml" }), `${name}.svg`)} title={`Save “${title}” as an SVG picture`}>SVG</button>
          <button type="button" class="quiet" onClick={() => setSaid(pick({ title, svg: svg() }))} title={`Add “${title}” to the report`}>Report</button>
          <span class="small" role="status">{said}</span>
        </span>
      </figcaption>
      <div ref={place} class="chart-place" style={{ height: `${height}px` }} role="img" aria-label={`${title}; the values are in the table below`} />
      <span ref={paper} class="on-paper hidden" />
      {note && <p class="legend">{note}</p>}
      <CellTable cells={cells} caption={title} />
    </figure>
  );
}

// Sorted bars, one a name, lying: names stay readable however many and long they are.
import type { Cells } from "./cells";
import { Plot, errorBars, nameAxis, valueAxis } from "./plot";
import { share } from "./text";

const kMostBars = 30;
const kOfMore = 20;  // that are shown where there are more

export interface Bar {
  name: string;
  value: number | null;
  low: number | null;
  high: number | null;
  /** What the pointer is told, after the name. */
  text: string;
}

/** Largest first, those without a value last; beyond 30 the first 20, and the others. */
export function largest<T>(all: T[], value: (one: T) => number | null): [T[], T[]] {
  const sorted = [...all].sort((a, b) => (value(b) ?? -Infinity) - (value(a) ?? -Infinity));
  const shown = sorted.length <= kMostBars ? sorted.length : kOfMore;
  return [sorted.slice(0, shown), sorted.slice(shown)];
}

/** Of those that are known. */
export function mean(values: (number | null | undefined)[]): number | null {
  const known = values.filter((one): one is number => typeof one === "number");
  return known.length ? known.reduce((sum, one) => sum + one, 0) / known.length : null;
}

export const othersName = (others: unknown[]) => `${others.length} others (mean)`;

function barsOf(all: Bar[]): Bar[] {
  const [some, others] = largest(all, ({ value }) => value);
  if (others.length === 0) return some;
  const known = others.flatMap(({ value }) => (value === null ? [] : [value]));
  return [...some, { name: othersName(others), value: mean(known), low: null, high: null, text: `from ${share(Math.min(...known))} to ${share(Math.max(...known))}` }];
}

/** `about` heads the column of names; `line` is a value to compare with. */
export function Bars({ title, name, about, label, of, max, line, note }: {
  title: string;
  name: string;
  about: string;
  label: string;
  of: Bar[];
  max?: number;
  line?: { value: number; text: string };
  note?: string;
}) {
  const bars = barsOf(of);
  const text = (i: number) => `${bars[i]!.name}\n${bars[i]!.text}`;
  const cells: Cells = {
    head: [about, label, "from", "to"],
    rows: [...of].sort((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity)).map((bar) => [bar.name, share(bar.value), share(bar.low), share(bar.high)]),
  };
  return (
    <Plot
      title={title}
      name={name}
      height={68 + 24 * bars.length}
      data={[bars, max, line]}
      cells={cells}
      build={(p) => ({
        grid: { left: 10, right: 24, top: line ? 22 : 6, bottom: 42, containLabel: true },
        xAxis: valueAxis(p, label, { min: 0, ...(max === undefined ? {} : { max }) }),
        yAxis: nameAxis(p, bars.map((bar) => bar.name), { inverse: true }),
        tooltip: { formatter: ({ dataIndex }: { dataIndex: number }) => text(dataIndex) },
        series: [
          {
            type: "bar",
            barMaxWidth: 14,
            color: p.series(1),
            data: bars.map((bar) => bar.value),
            ...(line && { markLine: { silent: true, symbol: "none", label: { formatter: line.text, position: "start", color: p.muted, fontSize: 11 }, lineStyle: { color: p.muted, type: "dashed" }, data: [{ xAxis: line.value }] } }),
          },
          errorBars(p.text, bars.map((bar, i) => [bar.low, bar.high, i]), { lying: true, text: (value) => text(value[2]!) }),
        ],
      })}
      {...(note ? { note } : {})}
    />
  );
}

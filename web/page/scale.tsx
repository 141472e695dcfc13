// Means and intervals on a scale that the rows of a table share; its ticks stand in the head.
import { share, signed } from "./text";

const kWidth = 150;   // px
const kMargin = 14;   // px to either side: half a tick's text
const kTicks = 3;  // about: their texts must not touch

export interface Drawn {
  mean: number | null;
  low: number | null;
  high: number | null;
}

export interface Scale {
  at: (value: number) => number;
  ticks: number[];
  /** Differences: drawn at 0, printed with a sign. */
  zero: boolean;
}

/** Ticks at 1, 2 or 5 times a power of ten, inside of [low, high]; about `most` of them. */
export function ticksOf(low: number, high: number, most = kTicks): number[] {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((one) => one >= rough)!;
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step); i * step <= high; ++i) ticks.push(i * step);
  return ticks;
}

/** Over all ends that are known; null where none is. */
export function scaleOf(all: Drawn[], zero = false): Scale | null {
  const known = all.flatMap(({ mean, low, high }) => [mean, low, high]).filter((one): one is number => one !== null);
  if (known.length === 0) return null;
  if (zero) known.push(0);
  let low = Math.min(...known);
  let high = Math.max(...known);
  const least = 0.01;  // a difference that papers print
  if (high - low < least) [low, high] = [(low + high - least) / 2, (low + high + least) / 2];
  return { at: (value) => kMargin + ((kWidth - 2 * kMargin) * (value - low)) / (high - low), ticks: ticksOf(low, high), zero };
}

export function Ticks({ scale }: { scale: Scale }) {
  return (
    <svg class="on-scale ticks" width={kWidth} height="18" aria-hidden="true">
      {scale.ticks.map((tick) => (
        <g key={tick}>
          <line class="scale-tick" x1={scale.at(tick)} x2={scale.at(tick)} y1="14" y2="18" />
          <text x={scale.at(tick)} y="11">{scale.zero ? signed(tick) : share(tick)}</text>
        </g>
      ))}
    </svg>
  );
}

/** The marks alone. */
export function Marked({ of: { mean, low, high }, scale, hollow }: { of: Drawn; scale: Scale; hollow?: boolean }) {
  return (
    <svg class={hollow ? "on-scale hollow" : "on-scale"} width={kWidth} height="18" aria-hidden="true">
      {scale.ticks.map((tick) => <line key={tick} class={scale.zero && tick === 0 ? "scale-zero" : "scale-grid"} x1={scale.at(tick)} x2={scale.at(tick)} y1="0" y2="18" />)}
      {low !== null && high !== null && <line class="scale-interval" x1={scale.at(low)} x2={scale.at(high)} y1="9" y2="9" />}
      {mean !== null && <circle class="scale-mean" cx={scale.at(mean)} cy="9" r="3.5" />}
    </svg>
  );
}

/** Number and marks. Where the interval is not known, the mean alone. Text says the same for who does not see it. */
export function OnScale({ of, scale, hollow }: { of: Drawn; scale: Scale; hollow?: boolean }) {
  const { mean, low, high } = of;
  if (mean === null) return <span class="none">–</span>;
  const print = scale.zero ? signed : share;
  const text = low === null || high === null ? "" : ` [${print(low)}, ${print(high)}]`;
  return (
    <span class="drawn-row" title={`${print(mean)}${text || "; no interval yet"}`}>
      <span class="drawn-number">{print(mean)}</span>
      <span class="hidden">{text}</span>
      <Marked of={of} scale={scale} {...(hollow ? { hollow } : {})} />
    </span>
  );
}

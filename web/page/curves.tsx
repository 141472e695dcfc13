// Learning curves of all runs of one config or several: every run, their mean and SD.
import { useMemo, useState } from "preact/hooks";

import type { Trial, TrialList } from "./api";
import { Failed } from "./parts";
import { Plot, legend, valueAxis } from "./plot";
import { useAll } from "./poll";
import { counted, share } from "./text";

const kMostRuns = 60;  // that are drawn, of all configs together

type Metric = "score" | "acc_presence" | "acc_salience" | "validation_loss" | "loss";
const kMetrics: [Metric, string][] = [
  ["score", "Score"],
  ["acc_presence", "ACC_P"],
  ["acc_salience", "ACC_S"],
  ["validation_loss", "Validation loss"],
  ["loss", "Training loss"],
];

export interface Runs {
  name: string;
  trials: TrialList["trials"];
}

interface Point {
  epoch: number;
  mean: number;
  /** null of one run. */
  sd: number | null;
}

/** Mean and SD (n - 1) of the runs that reached each epoch. */
export function meanCurve(runs: [number, number][][]): Point[] {
  const at = new Map<number, number[]>();
  for (const run of runs) for (const [epoch, value] of run) at.set(epoch, [...(at.get(epoch) ?? []), value]);
  return [...at].sort(([a], [b]) => a - b).map(([epoch, values]) => {
    const mean = values.reduce((sum, one) => sum + one, 0) / values.length;
    const squares = values.reduce((sum, one) => sum + (one - mean) ** 2, 0);
    return { epoch, mean, sd: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : null };
  });
}

export function RunCurves({ of, name }: { of: Runs[]; name: string }) {
  const [metric, setMetric] = useState<Metric>("score");
  const each = Math.max(1, Math.floor(kMostRuns / Math.max(1, of.length)));
  const finished = of.map(({ trials }) => trials.filter((trial) => trial.outcome === "finished"));
  const asked = finished.map((trials) => trials.slice(0, each).map((trial) => `trials/${trial.id}`));
  const { data, left, error } = useAll<Trial>(asked.flat());
  const sets = useMemo(
    () => of.map(({ name: label }, i) => ({
      label,
      runs: asked[i]!.flatMap((path) => {
        const curves = data.get(path)?.result?.curves;
        if (!curves) return [];
        return [curves.epoch.flatMap((epoch, k): [number, number][] => (curves[metric][k] == null ? [] : [[epoch, curves[metric][k]!]]))];
      }),
    })),
    [metric, data.size, asked.flat().join()],
  );
  if (error) return <Failed error={error} again={() => location.reload()} />;
  const text = kMetrics.find(([id]) => id === metric)![1];
  const alone = of.length === 1;
  const drawn = sets.reduce((sum, set) => sum + set.runs.length, 0);
  const all = finished.reduce((sum, trials) => sum + trials.length, 0);
  const print = (value: number) => (metric.endsWith("loss") ? value.toPrecision(3) : share(value));
  const curves = sets.map(({ runs }) => meanCurve(runs));
  return (
    <div>
      <div class="choice" role="group" aria-label="Number that the curves show">
        {kMetrics.map(([id, label]) => (
          <button key={id} type="button" aria-pressed={metric === id} onClick={() => setMetric(id)}>{label}</button>
        ))}
      </div>
      <Plot
        title={`${text} by epoch${metric.endsWith("loss") ? "" : " (thresholds tuned on the fold: optimistic)"}: ${alone ? `every run, mean and SD of ${counted(drawn, "run")}` : `mean and SD over the runs of each config, ${drawn} together`}`}
        name={`${name}-curves`}
        height={300}
        data={[sets, metric]}
        cells={{
          head: ["Epoch", ...sets.map(({ label }) => `${label}, mean ± SD`)],
          rows: [...new Set(curves.flat().map((one) => one.epoch))].sort((a, b) => a - b).map((epoch) => [
            String(epoch),
            ...curves.map((points) => {
              const point = points.find((one) => one.epoch === epoch);
              return point ? `${print(point.mean)}${point.sd === null ? "" : ` ± ${print(point.sd)}`}` : "–";
            }),
          ]),
        }}
        build={(p) => ({
          grid: { left: 50, right: 14, top: alone ? 12 : 16 + 22 * Math.ceil(of.length / 2), bottom: 40 },
          legend: alone ? { show: false } : legend(p, { itemWidth: 18, data: sets.map((set) => set.label) }),
          xAxis: valueAxis(p, "epoch", { min: "dataMin", max: "dataMax", minInterval: 1, nameGap: 24, splitLine: { show: false } }),
          yAxis: valueAxis(p, "", { scale: true, splitNumber: 4, axisLabel: { color: p.muted, fontSize: 11, formatter: print } }),
          tooltip: {
            trigger: "axis",
            formatter: (points: { seriesName: string; value: [number]; marker: string }[]) => {
              const epoch = points[0]?.value[0];
              return [`epoch ${epoch ?? ""}`, ...sets.flatMap(({ label }, i) => {
                const point = curves[i]!.find((one) => one.epoch === epoch);
                return point ? [`${alone ? "" : `${label}  `}${print(point.mean)}${point.sd === null ? "" : ` ± ${print(point.sd)}`}`] : [];
              })].join("\n");
            },
          },
          series: sets.flatMap(({ label, runs }, i) => {
            const color = p.series(i + 1);
            const points = curves[i]!.filter((one) => one.sd !== null);
            const plain = { type: "line", showSymbol: false, silent: true, emphasis: { disabled: true } };
            return [
              ...(alone ? runs.map((run) => ({ ...plain, data: run, lineStyle: { width: 1, opacity: 0.3, color: p.muted } })) : []),
              { ...plain, stack: `band ${i}`, stackStrategy: "all", lineStyle: { opacity: 0 }, data: points.map((one) => [one.epoch, one.mean - one.sd!]) },
              { ...plain, stack: `band ${i}`, stackStrategy: "all", lineStyle: { opacity: 0 }, areaStyle: { color, opacity: alone ? 0.16 : 0.1 }, data: points.map((one) => [one.epoch, 2 * one.sd!]) },
              { ...plain, name: label, silent: false, color, ...p.stroke(i + 1), showSymbol: curves[i]!.length === 1, data: curves[i]!.map((one) => [one.epoch, one.mean]) },
            ];
          }),
        })}
        note={[left > 0 ? `${left} runs are being read.` : "", drawn < all && left === 0 ? `${drawn} of ${all} finished runs are drawn.` : ""].filter(Boolean).join(" ")}
      />
    </div>
  );
}

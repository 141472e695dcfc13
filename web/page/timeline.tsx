// A sweep as it runs: which worker trains what, and what failed.
import type { AttemptSpan, Sweep, Timeline, TrialList, TrialRow } from "./api";
import { hasToken } from "./fetch";
import { Change, Empty, Shown, Tag, waitsFor } from "./parts";
import { Plot, nameAxis } from "./plot";
import { usePoll } from "./poll";
import { go, to } from "./route";
import { Table } from "./table";
import { count, counted, duration, time } from "./text";

interface Bar {
  worker: number;
  from: number;
  to: number;
  state: State;
  trials: AttemptSpan[];
}

/** Interrupted: it was running when its coordinator went away. */
type State = AttemptSpan["state"] | "interrupted";

/** Attempts of one pack on one worker that ended alike are one bar. Without a coordinator nothing is known to run after
    the newest moment that the store tells of: bars end there. */
export function bars(attempts: AttemptSpan[], now: number, interrupted: boolean): { workers: string[]; bars: Bar[] } {
  const ids = [...new Set(attempts.map((one) => one.worker))];
  const names = ids.map((id) => attempts.find((one) => one.worker === id)?.worker_name || id);
  const last = interrupted ? Math.max(0, ...attempts.map((one) => one.ended_ms ?? one.started_ms ?? 0)) : now;
  const packs = new Map<string, Bar>();
  for (const one of attempts) {
    if (one.started_ms === null) continue;
    const state: State = interrupted && one.state === "running" ? "interrupted" : one.state;
    const key = `${one.worker}/${one.pack}/${state}`;
    const end = one.ended_ms ?? last;
    const known = packs.get(key);
    if (known) {
      known.to = Math.max(known.to, end);
      known.trials.push(one);
    } else {
      packs.set(key, { worker: ids.indexOf(one.worker), from: one.started_ms, to: end, state, trials: [one] });
    }
  }
  return { workers: names, bars: [...packs.values()] };
}

const two = (value: number) => String(value).padStart(2, "0");
const clock = (ms: number) => {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
};

export function TimelineTab({ sweep, control, again }: { sweep: Sweep; control: boolean; again: () => void }) {
  const polled = usePoll<Timeline>(`sweeps/${sweep.id}/timeline?limit=1000`, 3);
  const failed = usePoll<TrialList>(sweep.trials.failed > 0 ? `sweeps/${sweep.id}/trials?state=failed` : null, 5);
  return (
    <section aria-label="Timeline">
      <h2>Workers over time</h2>
      <Shown polled={polled} rows={8}>
        {({ attempts }) => {
          if (attempts.length === 0) {
            return <Empty title="Nothing has been trained for this sweep"><p>{sweep.trials.finished > 0 ? "All its results were known from other sweeps." : waitsFor(sweep)}</p></Empty>;
          }
          const { workers, bars: all } = bars(attempts, Date.now(), sweep.state === "interrupted");
          const from = Math.min(...all.map((bar) => bar.from));
          const until = Math.max(...all.map((bar) => bar.to));
          return (
            <Plot
              title={`The newest ${counted(attempts.length, "attempt")}, a bar a pack, ${time(from)} to ${time(until)}`}
              name={`${sweep.id}-timeline`}
              height={90 + 34 * workers.length}
              data={attempts}
              cells={{
                head: ["Worker", "Pack", "Trials", "State", "Began", "Took"],
                rows: all.map((bar) => [workers[bar.worker]!, String(bar.trials[0]?.pack ?? ""), String(bar.trials.length), bar.state, time(bar.from), duration((bar.to - bar.from) / 1000)]),
              }}
              onClick={(event) => {
                const trial = all[event.dataIndex]?.trials[0]?.trial;
                if (trial) go(to(["trial", trial]));
              }}
              build={(p) => {
                const color: Record<State, string> = { finished: p.series(1), running: p.series(2), interrupted: p.series(2), failed: p.bad, lost: p.bad, cancelled: p.line };
                return {
                  grid: { left: 10, right: 20, top: 8, bottom: 56, containLabel: true },
                  xAxis: {
                    type: "time", min: from, max: until,
                    axisLine: { lineStyle: { color: p.line } }, axisLabel: { color: p.muted, fontSize: 11, hideOverlap: true, formatter: clock }, splitLine: { show: true, lineStyle: { color: p.faint } },
                  },
                  yAxis: nameAxis(p, workers, { inverse: true }),
                  dataZoom: [{ type: "slider", height: 18, bottom: 6, borderColor: p.line, textStyle: { color: p.muted, fontSize: 10 }, labelFormatter: clock, brushSelect: false }],
                  tooltip: {
                    formatter: ({ dataIndex }: { dataIndex: number }) => {
                      const bar = all[dataIndex]!;
                      return `${workers[bar.worker]}, pack ${bar.trials[0]?.pack}\n${counted(bar.trials.length, "trial")} ${bar.state}\n${clock(bar.from)}, ${duration((bar.to - bar.from) / 1000)}\n${bar.trials.slice(0, 6).map((one) => one.trial).join("\n")}`;
                    },
                  },
                  series: [{
                    type: "custom",
                    data: all.map((bar) => [bar.from, bar.to, bar.worker]),
                    encode: { x: [0, 1], y: 2 },
                    renderItem: (params: { dataIndex: number; coordSys: { x: number; y: number; width: number; height: number } }, api: { value: (i: number) => number; coord: (v: number[]) => number[]; size: (v: number[]) => number[] }) => {
                      const a = api.coord([api.value(0), api.value(2)]);
                      const b = api.coord([api.value(1), api.value(2)]);
                      const height = Math.min(20, api.size([0, 1])[1]! * 0.62);
                      const { x, width } = params.coordSys;
                      const bar = all[params.dataIndex]!;
                      // An attempt that began at the newest known moment is seen too, within the right edge.
                      const least = bar.state === "interrupted" ? 7 : 2;
                      if (b[0]! < x || a[0]! > x + width + 1) return null;
                      const right = Math.min(Math.max(b[0]!, a[0]! + least), x + width);
                      const left = Math.max(Math.min(a[0]!, right - least), x);
                      return {
                        type: "rect",
                        shape: { x: left, y: a[1]! - height / 2, width: right - left, height },
                        style: bar.state === "interrupted"
                          ? { fill: "transparent", stroke: color[bar.state], lineWidth: 1.5 }
                          : { fill: color[bar.state], opacity: bar.state === "running" ? 0.65 : 0.9, stroke: p.page, lineWidth: 1 },
                      };
                    },
                  }],
                };
              }}
              note={`Blue: finished; ${sweep.state === "interrupted" ? "hollow: running when the coordinator went away, drawn to the newest moment that is known" : "orange: running"}; red: failed or lost; grey: cancelled. Click a bar for a trial of its pack.`}
            />
          );
        }}
      </Shown>
      <h2>Failed trials</h2>
      {sweep.trials.failed === 0 ? (
        <p class="legend">None.</p>
      ) : (
        <Shown polled={failed} rows={4}>
          {({ trials, total }) => (
            <>
              <Table
                label="Trials that failed"
                rows={trials}
                id={(trial) => trial.id}
                columns={[
                  { id: "trial", head: "Trial", names: true, cell: (trial) => <a class="mono" href={to(["trial", trial.id])}>{trial.id}</a> },
                  { id: "fold", head: "Fold", kind: "number", cell: (trial) => <span title={`partition ${trial.partition}`}>{trial.fold}</span> },
                  { id: "seed", head: "Seed", kind: "number", cell: (trial) => trial.seed },
                  { id: "attempts", head: "Attempts", kind: "number", cell: (trial) => trial.attempts },
                  { id: "reason", head: "Reason", class: "reason", cell: (trial) => <Tag kind="failed">{trial.reason}</Tag> },
                  ...(control && hasToken() ? [{
                    id: "retry", head: "Retry", kind: "lead" as const,
                    cell: (trial: TrialRow) => <Change path={`trials/${trial.id}/retry`} label="Retry" done={() => { failed.again(); again(); }} />,
                  }] : []),
                ]}
              />
              {total > trials.length && <p class="legend"><a href={to(["sweep", sweep.id, "trials"], { state: "failed" })}>All {count(total)}</a></p>}
            </>
          )}
        </Shown>
      )}
    </section>
  );
}

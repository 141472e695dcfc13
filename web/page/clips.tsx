// What a trial said of single clips: confusion of emotion sets, how its thresholds matter, every clip.
import { useState } from "preact/hooks";

import type { Clip, Clips, Confusion, Surface, Trial } from "./api";
import { Empty, Pager, Shown, kOfficial } from "./parts";
import { Plot, matrixAxes, nameAxis } from "./plot";
import { usePoll } from "./poll";
import { changed, go, to } from "./route";
import { Name, Table } from "./table";
import type { TableColumn } from "./table";
import { counted, middle, share } from "./text";

const kClipsAPage = 25;

export function ClipsPart({ trial, query }: { trial: Trial; query: URLSearchParams }) {
  const here = ["trial", trial.id];
  const heldOut = trial.result?.held_out?.accuracy !== null && trial.result?.held_out !== null;
  const protocol = query.get("protocol") === "held-out" && heldOut ? "held-out" : "paper";
  const metric = (["score", "acc_presence", "acc_salience"] as const).find((name) => name === query.get("metric")) ?? "score";
  const surface = usePoll<Surface>(`trials/${trial.id}/surface?protocol=${protocol}`, 0);
  const confusion = usePoll<Confusion>(`trials/${trial.id}/confusion?protocol=${protocol}`, 0);
  return (
    <section aria-label="Predictions">
      <h2>Predictions on fold {trial.fold}{trial.partition !== kOfficial && ` of ${trial.partition}`}</h2>
      <div class="bar">
        <label>
          Protocol{" "}
          <select value={protocol} disabled={!heldOut} onChange={(event) => go(to(here, changed(query, { protocol: event.currentTarget.value, offset: null })))}>
            <option value="paper">paper-style (optimistic)</option>
            <option value="held-out">held-out</option>
          </select>
        </label>
        {!heldOut && <span class="small">Held-out thresholds of this trial come from other folds: only paper-style predictions are its own.</span>}
      </div>
      <div class="charts">
        <Shown polled={confusion} rows={8}>{(data) => <ConfusionMatrix data={data} name={`${trial.id}-confusion`} />}</Shown>
        <Shown polled={surface} rows={8}>
          {(data) => {
            const width = data.grid.length;
            const values = data[metric].flat();
            const text = data.grid.map((value) => share(value));
            const names = { score: "Score", acc_presence: "ACC_P", acc_salience: "ACC_S" };
            return (
              <div>
                <div class="choice" role="group" aria-label="Number on the threshold grid">
                  {(["score", "acc_presence", "acc_salience"] as const).map((name) => (
                    <button key={name} type="button" aria-pressed={metric === name} onClick={() => go(to(here, changed(query, { metric: name === "score" ? null : name })))}>{names[name]}</button>
                  ))}
                </div>
                <Plot
                  title={`${names[metric]} at each pair of thresholds, epoch ${data.epoch}; ${counted(data.clips, "clip")}, ${counted(data.blends, "blend")}`}
                  name={`${trial.id}-thresholds-${metric}`}
                  height={380}
                  data={[data, metric]}
                  cells={{
                    head: ["α \\ β", ...text],
                    rows: data.grid.map((_, a) => [text[a]!, ...data[metric][a]!.map(share)]),
                  }}
                  build={(p) => ({
                    grid: { left: 56, right: 16, top: 10, bottom: 92 },
                    xAxis: nameAxis(p, text, { name: "β: saliences at most so far apart are 50/50", nameLocation: "middle", nameGap: 28, axisLabel: { color: p.muted, fontSize: 10, interval: 2 } }),
                    yAxis: nameAxis(p, text, { name: "α: a class below it is absent", nameLocation: "middle", nameGap: 40, axisLabel: { color: p.muted, fontSize: 10, interval: 2 } }),
                    visualMap: { min: Math.min(...values), max: Math.max(...values), orient: "horizontal", left: "center", bottom: 0, itemHeight: 120, itemWidth: 10, text: [share(Math.max(...values)), share(Math.min(...values))], textStyle: { color: p.muted, fontSize: 11 }, inRange: { color: p.scale }, seriesIndex: 0 },
                    tooltip: { formatter: ({ value }: { value: number[] }) => `α ${text[value[1]!]}, β ${text[value[0]!]}\nScore ${share(data.score[value[1]!]![value[0]!])}\nACC_P ${share(data.acc_presence[value[1]!]![value[0]!])}\nACC_S ${share(data.acc_salience[value[1]!]![value[0]!])}` },
                    series: [
                      { type: "heatmap", data: values.map((value, i) => [i % width, Math.floor(i / width), value]), itemStyle: { borderColor: p.page, borderWidth: 0.5 } },
                      { type: "scatter", symbol: "rect", symbolSize: [13, 12], silent: true, data: [[data.chosen.beta, data.chosen.alpha]], itemStyle: { color: "transparent", borderColor: p.text, borderWidth: 2 } },
                    ],
                  })}
                  note="The frame marks the thresholds that are used."
                />
              </div>
            );
          }}
        </Shown>
      </div>
      <ClipTable trial={trial} query={query} protocol={protocol} />
    </section>
  );
}

const kMostSets = 40;  // that a matrix of sets can be read with: 8 classes have 36

/** The classes of a set, as the API names it. */
const classesOf = (set: string) => set.split(" + ");

/** How often each class is predicted where another is in the clip: counts[true class][predicted class], in clips. */
export function byClass({ sets, counts }: Pick<Confusion, "sets" | "counts">): { names: string[]; counts: number[][]; totals: number[] } {
  const names = [...new Set(sets.flatMap(classesOf))];
  const parts = sets.map((set) => classesOf(set).map((one) => names.indexOf(one)));
  const made = names.map(() => names.map(() => 0));
  const totals = names.map(() => 0);
  counts.forEach((row, t) => row.forEach((clips, c) => {
    for (const of of parts[t]!) {
      totals[of]! += clips;
      for (const as of parts[c]!) made[of]![as]! += clips;
    }
  }));
  return { names, counts: made, totals };
}

/** Of sets; where there are many, of classes first. */
export function ConfusionMatrix({ data, name }: { data: Confusion; name: string }) {
  const many = data.sets.length > kMostSets;
  const [sets, setSets] = useState(!many);
  if (!many) return <Matrix data={data} name={name} sets />;
  return (
    <div>
      <div class="choice" role="group" aria-label="What is confused">
        <button type="button" aria-pressed={!sets} onClick={() => setSets(false)}>Classes</button>
        <button type="button" aria-pressed={sets} onClick={() => setSets(true)}>{data.sets.length} sets</button>
      </div>
      <Matrix key={String(sets)} data={data} name={name} sets={sets} />
    </div>
  );
}

function Matrix({ data, name, sets }: { data: Confusion; name: string; sets: boolean }) {
  const { names, counts, totals } = sets
    ? { names: data.sets, counts: data.counts, totals: data.counts.map((row) => row.reduce((sum, count) => sum + count, 0)) }
    : byClass(data);
  const size = names.length;
  return (
    <Plot
      title={sets
        ? `Emotion sets: true (rows) and predicted, ${counted(data.clips, "clip")}; shade: share of the row`
        : `Classes in the clip (rows) and in its prediction, ${counted(data.clips, "clip")}; shade: share of the row’s clips`}
      name={name}
      height={Math.max(260, 60 + 22 * size)}
      data={[data, sets]}
      cells={{ head: [sets ? "True set" : "Class in the clip", ...names], rows: counts.map((row, t) => [names[t]!, ...row.map(String)]) }}
      build={(p) => ({
        grid: { left: 10, right: 12, top: 26, bottom: 10, containLabel: true },
        ...matrixAxes(p, names),
        visualMap: { min: 0, max: 1, show: false, dimension: 2, inRange: { color: p.scale } },
        tooltip: { formatter: ({ value }: { value: number[] }) => `${names[value[1]!]} taken for ${names[value[0]!]}: ${value[3]} of ${totals[value[1]!]}` },
        series: [{
          type: "heatmap",
          data: counts.flatMap((row, t) => row.map((count, c) => [c, t, totals[t] ? count / totals[t]! : 0, count])),
          label: { show: p.width / size > 28, fontSize: 10, color: p.text, formatter: ({ value }: { value: number[] }) => (value[3] ? String(value[3]) : "") },
          itemStyle: { borderColor: p.page, borderWidth: 1 },
        }],
      })}
    />
  );
}

const verdict = (row: Clip) => (row.right ? (["good", "right", "✓"] as const) : row.set_right ? (["warn", "the set is right, the saliences are not", "≈"] as const) : (["bad", "wrong", "✗"] as const));

function clipColumns(data: Clips): TableColumn<Clip>[] {
  return [
    { id: "clip", head: "Clip", names: true, cell: (row) => <span class="mono"><Name of={row.clip} most={40} /></span> },
    { id: "actor", head: "Actor", cell: (row) => row.actor || "–" },
    { id: "truth", head: "True", cell: (row) => row.truth },
    {
      id: "predicted",
      head: "Predicted",
      cell: (row) => {
        const [kind, title, mark] = verdict(row);
        return <span class={kind} title={title}>{mark} {row.predicted}</span>;
      },
    },
    ...data.classes.map((name, i): TableColumn<Clip> => ({
      id: `class ${i}`, head: name, group: "probabilities", kind: "number", cell: ({ probabilities }) => (probabilities[i]! < 0.0005 ? <span class="none">.000</span> : share(probabilities[i])),
    })),
    ...data.encoders.map((name, i): TableColumn<Clip> => ({
      id: `encoder ${i}`, head: middle(name, 24), group: "gate weights", kind: "number", cell: ({ weights }) => (weights[i] ? share(weights[i]) : <span class="none">–</span>),
    })),
  ];
}

function ClipTable({ trial, query, protocol }: { trial: Trial; query: URLSearchParams; protocol: string }) {
  const here = ["trial", trial.id];
  const only = query.get("only") ?? "all";
  const offset = Number(query.get("offset") ?? 0) || 0;
  const polled = usePoll<Clips>(`trials/${trial.id}/clips?protocol=${protocol}&only=${encodeURIComponent(only)}&offset=${offset}&limit=${kClipsAPage}`, 0);
  return (
    <>
      <div class="bar">
        <label>
          Clips{" "}
          <select value={only} onChange={(event) => go(to(here, changed(query, { only: event.currentTarget.value === "all" ? null : event.currentTarget.value, offset: null })))}>
            <option value="all">all</option>
            <option value="hits">right</option>
            <option value="misses">wrong</option>
          </select>
        </label>
        {polled.data && <span class="tabular">{counted(polled.data.total, "clip")}</span>}
      </div>
      <Shown polled={polled} rows={10}>
        {(data) =>
          data.rows.length === 0 ? (
            <Empty title="No clip fits this choice" />
          ) : (
            <>
              <Table label="Clips" columns={clipColumns(data)} rows={data.rows} id={(row) => row.clip} />
              <Pager size={kClipsAPage} offset={data.offset} shown={data.rows.length} total={data.total} link={(next) => to(here, changed(query, { offset: next }))} />
              <p class="legend">✓ right; ≈ the set is right, the saliences are not; ✗ wrong. A gate weight of – is an encoder that was not kept.</p>
            </>
          )
        }
      </Shown>
    </>
  );
}

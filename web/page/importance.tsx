// What the gate of a config thinks of the encoders, and what Scores say of them: the papers' figures.
import { NCurve, severalN } from "./ablations";
import type { EncoderSummary, Figures, ImportanceReport, ShapleyReport, Sweep } from "./api";
import { Bars, largest, mean, othersName } from "./bars";
import { save } from "./cells";
import type { Cells } from "./cells";
import { Empty, Menu, Shown, over } from "./parts";
import { Plot, errorBars, legend, matrixAxes, nameAxis, valueAxis } from "./plot";
import type { Option, Palette } from "./plot";
import { usePoll } from "./poll";
import { changed, go, to } from "./route";
import { Name, Table } from "./table";
import type { TableColumn } from "./table";
import { middle, share, signed, valueText } from "./text";

const kNamed = 20;  // points of a scatter that have their names beside them

export function ImportanceTab({ sweep, query }: { sweep: Sweep; query: URLSearchParams }) {
  const config = query.get("config") ?? "";
  const fold = query.get("fold") ?? "";
  const by = query.get("by") ?? "";
  const asked = new URLSearchParams({ ...(config && { config }), ...(fold && { fold }), ...(by && { by }) });
  const polled = usePoll<ImportanceReport>(`sweeps/${sweep.id}/importance?${asked}`, 15);
  if (polled.error?.status === 404 && !polled.data) {
    return <Empty title={over(sweep) ? "No config of this sweep has a gate" : "No gate has been trained yet"}><p>{polled.error.message}</p></Empty>;
  }
  return (
    <Shown polled={polled} rows={14}>
      {(report) => <Report report={report} sweep={sweep} query={query} />}
    </Shown>
  );
}

function Report({ report, sweep, query }: { report: ImportanceReport; sweep: Sweep; query: URLSearchParams }) {
  const here = ["sweep", sweep.id, "importance"];
  const set = (changes: Record<string, string | null>) => go(to(here, changed(query, changes)));
  const selection = String(report.settings["selection"] ?? "");
  const ns = report.effect_of_n.find((series) => series.selection === selection)?.points ?? [];
  const [heaviest, others] = largest(report.encoders, (one) => one.weight.mean);
  const shown = others.length ? [...heaviest, together(others)] : heaviest;  // of all charts
  const names = shown.map((encoder) => encoder.encoder);
  const base = `${sweep.id}-${report.config}`;
  const current = report.configs.find((one) => one.config === report.config);
  return (
    <section aria-label="Importance">
      <div class="bar">
        <label>
          Config{" "}
          <select value={report.config} onChange={(event) => set({ config: event.currentTarget.value })}>
            {!current && <option value={report.config}>{report.config}</option>}
            {report.configs.map((one) => <option key={one.config} value={one.config}>{one.name}</option>)}
          </select>
        </label>
        {ns.length > 1 && (
          <label>
            n{" "}
            <select value={report.config} onChange={(event) => set({ config: event.currentTarget.value })}>
              {ns.map((point) => <option key={point.n} value={point.config}>{point.n}</option>)}
            </select>
          </label>
        )}
        <label>
          Fold{" "}
          <select value={query.get("fold") ?? ""} onChange={(event) => set({ fold: event.currentTarget.value || null })}>
            <option value="">all</option>
            {report.all_folds.map((fold) => <option key={fold} value={String(fold)}>{fold}</option>)}
          </select>
        </label>
        {report.labels.length > 1 && (
          <label>
            Grouped by{" "}
            <select value={report.by} onChange={(event) => set({ by: event.currentTarget.value })}>
              {report.labels.map((one) => <option key={one} value={one}>{one}</option>)}
            </select>
          </label>
        )}
        <Downloads sweep={sweep.id} query={query} />
      </div>
      <dl class="facts">
        <div><dt>Trials</dt><dd>{report.trials}{query.get("fold") ? ` on fold ${query.get("fold")}` : ` / ${report.expected}`}</dd></div>
        <div><dt>Selection</dt><dd>{selection}{report.settings["top_n"] !== undefined && `, n = ${valueText(report.settings["top_n"])}`}</dd></div>
        <div><dt title="Kendall's W of the mean gate weights over runs: 1, every fold and seed ranks the encoders the same">Agreement of runs</dt><dd>{share(report.kendall_w.runs)}<span class="small"> folds {share(report.kendall_w.folds)}, seeds {share(report.kendall_w.seeds)}</span></dd></div>
        {report.spearman_gate_and_loss !== null && <div><dt title="Spearman's rank correlation over encoders">Gate and loss without it</dt><dd>{signed(report.spearman_gate_and_loss)}</dd></div>}
        {report.spearman_gate_and_alone !== null && <div><dt title="Spearman's rank correlation over encoders">Gate and Score alone</dt><dd>{signed(report.spearman_gate_and_alone)}</dd></div>}
        {report.transductive && <div><dt>Training</dt><dd>transductive ‡</dd></div>}
      </dl>

      {report.near_copies.length > 0 && (
        <p class="warn">
          Near-copies of unequal weight: {report.near_copies.map((one) => `${one.heavier} (${share(one.heavier_weight)}) and ${one.lighter} (${share(one.lighter_weight)}), CKA ${share(one.cka)}`).join("; ")}.
          The gate may give either of them the weight. Judge them by the loss without each and by the Score alone.
        </p>
      )}
      {report.kept_by_seeds.length > 0 && (
        <p class="warn">Seeds disagree: {report.kept_by_seeds.map((one) => `${one.encoder} kept by ${one.seeds} of ${one.of} seeds`).join(", ")}.</p>
      )}

      <h2>The gate’s opinion beside Scores</h2>
      {!report.encoders.some((one) => one.loss_without || one.alone) && (
        <p class="legend">This sweep retrains nothing without an encoder, so only the gate speaks. <code>encoders: leave-one-out</code> adds the loss without each.</p>
      )}
      <Opinions encoders={report.encoders} by={report.by} chance={report.chance} sweep={sweep.id} />
      {report.encoders.some((one) => one.loss_without || one.alone) && <GateAndScores report={report} base={base} />}
      {report.shapley && <Shapley report={report} shapley={report.shapley} base={base} />}

      <h2>What the gate does</h2>
      <div class="charts">
        <Bars
          title="Selection frequency: share of clips that keep it, mean ± SD over trials"
          name={`${base}-selection-frequency`}
          about="Encoder"
          label="share of clips"
          max={1}
          of={report.encoders.map(({ encoder, selected }) => ({
            name: encoder,
            value: selected.mean,
            ...within(selected),
            text: `${share(selected.mean)} ± ${share(selected.sd)}\nby chance ${share(report.chance)}`,
          }))}
          {...(report.chance === null ? {} : { line: { value: report.chance, text: "chance" } })}
        />
        <Plot
          title="Mean gate weight by fold; hover: SD over seeds"
          name={`${base}-importance-by-fold`}
          data={shown.map((one) => [one.encoder, one.by_fold])}
          cells={{
            head: ["Encoder", ...report.folds.map((fold) => `fold ${fold}`)],
            rows: report.encoders.map((one) => [one.encoder, ...report.folds.map((_, i) => `${share(one.by_fold[i]?.mean)} ± ${share(one.by_fold[i]?.sd)}`)]),
          }}
          height={90 + (8 + 6 * report.folds.length) * names.length}
          build={(p) => ({
            grid: { left: 10, right: 16, top: 40, bottom: 42, containLabel: true },
            legend: legend(p),
            xAxis: valueAxis(p, "gate weight", { min: 0 }),
            yAxis: nameAxis(p, names, { inverse: true }),
            tooltip: {
              formatter: ({ seriesIndex, dataIndex }: { seriesIndex: number; dataIndex: number }) => {
                const one = shown[dataIndex]?.by_fold[seriesIndex];
                return `${names[dataIndex]}, fold ${one?.fold}\n${share(one?.mean)} ± ${share(one?.sd)} over ${one?.count} seed${one?.count === 1 ? "" : "s"}`;
              },
            },
            series: report.folds.map((fold, index) => ({
              type: "bar", name: `fold ${fold}`, color: p.series(index + 1), barGap: "15%", data: shown.map((one) => one.by_fold[index]?.mean ?? null),
            })),
          })}
        />
        <Plot
          title="Gate weight of a clip: 5, 25, 50, 75, 95 % (mean of trials); diamond: mean"
          name={`${base}-weight-distributions`}
          data={shown.map((one) => [one.encoder, one.quantiles, one.weight])}
          cells={boxCells("Encoder", report.encoders.map((one) => [one.encoder, one.weight.mean, one.quantiles]))}
          height={boxesHeight(names.length)}
          build={(p) => boxes(p, names, shown.map((one) => one.quantiles), shown.map((one) => one.weight.mean), "gate weight")}
        />
        <Plot
          title="Distribution of the gate weight over clips (share of clips in each bin)"
          name={`${base}-weight-histograms`}
          data={shown.map((one) => [one.encoder, one.histogram])}
          cells={{
            head: ["Encoder", ...(report.encoders[0]?.histogram ?? []).map((_, bin, all) => `${share(bin / all.length)} to ${share((bin + 1) / all.length)}`)],
            rows: report.encoders.map((one) => [one.encoder, ...one.histogram.map(share)]),
          }}
          height={Math.max(300, 100 + 18 * names.length)}
          build={(p) => {
            const bins = Math.max(...shown.map((one) => one.histogram.length), 1);
            const most = Math.max(...shown.flatMap((one) => one.histogram), 0.01);
            const cells = shown.flatMap((one, e) => one.histogram.map((value, bin) => [bin, e, value]));
            return {
              grid: { left: 10, right: 16, top: 16, bottom: 70, containLabel: true },
              xAxis: nameAxis(p, Array.from({ length: bins }, (_, bin) => share(bin / bins)), { name: "gate weight", nameLocation: "middle", nameGap: 28, axisLabel: { color: p.muted, fontSize: 11, interval: 3 } }),
              yAxis: nameAxis(p, names, { inverse: true }),
              visualMap: { min: 0, max: most, show: true, orient: "horizontal", left: "center", bottom: 0, itemHeight: 100, itemWidth: 10, text: [share(most), "0"], textStyle: { color: p.muted, fontSize: 11 }, inRange: { color: p.scale } },
              tooltip: { formatter: ({ value }: { value: number[] }) => `${names[value[1]!]}\nweight ${share(value[0]! / bins)} to ${share((value[0]! + 1) / bins)}: ${share(value[2])} of the clips` },
              series: [{ type: "heatmap", data: cells, itemStyle: { borderColor: p.page, borderWidth: 1 } }],
            };
          }}
        />
        {report.groups.length > 1 && (
          <Plot
            title={`Share of the gate weight by ${report.by}: 5, 25, 50, 75, 95 % over clips; diamond: mean`}
            name={`${base}-${report.by}-shares`}
            data={report.groups}
            cells={boxCells(report.by, report.groups.map((one) => [one.group, one.share.mean, one.quantiles]))}
            height={boxesHeight(report.groups.length)}
            build={(p) => boxes(p, report.groups.map((one) => `${one.group} (${one.encoders})`), report.groups.map((one) => one.quantiles), report.groups.map((one) => one.share.mean), "share of the weight")}
          />
        )}
        {report.cka.length > 0 && <Cka report={report} some={heaviest} name={`${base}-cka`} />}
      </div>
      {severalN(report) && (
        <>
          <h2>Effect of the number of encoders</h2>
          <NCurve report={report} sweep={base} />
        </>
      )}
      <p class="legend">
        Gate weights are of the validation clips of each fold. Loss without it: Score of the config less that of the same config without the encoder, paired by fold and seed.
        Scores are held-out where there are held-out ones{query.get("fold") ? "; they are of all folds, whatever the fold chosen above" : ""}.
        {report.transductive && " ‡ Transductive: training read unlabelled features of clips that it is scored on."}
      </p>
    </section>
  );
}

/** Encoders as one: the mean of what they have. */
function together(others: EncoderSummary[]): EncoderSummary {
  const first = others[0]!;
  const by = (get: (one: EncoderSummary) => number | null | undefined) => mean(others.map(get));
  return {
    ...first,
    encoder: othersName(others),
    group: "",
    weight: { ...first.weight, mean: by((one) => one.weight.mean), sd: null },
    by_fold: first.by_fold.map((fold, i) => ({ ...fold, mean: by((one) => one.by_fold[i]?.mean), sd: null })),
    quantiles: first.quantiles.map((_, i) => by((one) => one.quantiles[i]) ?? 0),
    histogram: first.histogram.map((_, i) => by((one) => one.histogram[i]) ?? 0),
  };
}

/** Of `some` encoders; the table has all. */
function Cka({ report, some, name }: { report: ImportanceReport; some: EncoderSummary[]; name: string }) {
  const all = report.encoders.map((one) => one.encoder);
  const at = (row: string, column: string) => report.cka[all.indexOf(row) * all.length + all.indexOf(column)]!;
  const names = some.map((one) => one.encoder);
  return (
    <Plot
      title={`Linear CKA of projected encoders: 0 nothing in common, 1 the same up to rotation and scale${names.length < all.length ? `; the ${names.length} of largest weight` : ""}`}
      name={name}
      height={Math.max(220, 60 + 28 * names.length)}
      data={[names, report.cka]}
      cells={{ head: ["Encoder", ...all], rows: all.map((row) => [row, ...all.map((column) => share(at(row, column)))]) }}
      build={(p) => ({
        grid: { left: 10, right: 16, top: 26, bottom: 10, containLabel: true },
        ...matrixAxes(p, names),
        visualMap: { min: 0, max: 1, show: false, inRange: { color: p.scale } },
        tooltip: { formatter: ({ value }: { value: number[] }) => `${names[value[1]!]} and ${names[value[0]!]}: ${share(value[2])}` },
        series: [{
          type: "heatmap",
          data: names.flatMap((row, y) => names.map((column, x) => [x, y, at(row, column)])),
          label: { show: fits(p, names), fontSize: 11, color: p.text, formatter: ({ value }: { value: number[] }) => share(value[2]) },
          itemStyle: { borderColor: p.page, borderWidth: 2 },
        }],
      })}
    />
  );
}

/** Numbers in the squares of a matrix. */
const fits = (p: Palette, names: string[]) => (0.6 * p.width) / names.length > 30;

/** One SD to either side, as far as a share goes. */
export const within = ({ mean, sd }: { mean: number | null; sd: number | null }) =>
  mean === null || sd === null ? { low: null, high: null } : { low: Math.max(0, mean - sd), high: Math.min(1, mean + sd) };

const boxCells = (about: string, rows: [string, number | null, number[]][]): Cells => ({
  head: [about, "mean", "5 %", "25 %", "50 %", "75 %", "95 %"],
  rows: rows.map(([name, middle, quantiles]) => [name, share(middle), ...quantiles.map(share)]),
});

const boxesHeight = (rows: number) => 64 + 26 * rows;

function boxes(p: Palette, names: string[], quantiles: number[][], means: (number | null)[], label: string): Option {
  return {
    grid: { left: 10, right: 16, top: 8, bottom: 42, containLabel: true },
    xAxis: valueAxis(p, label, { min: 0 }),
    yAxis: nameAxis(p, names, { inverse: true }),
    tooltip: {
      formatter: ({ dataIndex }: { dataIndex: number }) =>
        `${names[dataIndex]}\nmean ${share(means[dataIndex])}\n5–95 % ${share(quantiles[dataIndex]?.[0])} to ${share(quantiles[dataIndex]?.[4])}\n25–75 % ${share(quantiles[dataIndex]?.[1])} to ${share(quantiles[dataIndex]?.[3])}, median ${share(quantiles[dataIndex]?.[2])}`,
    },
    series: [
      { type: "boxplot", boxWidth: [6, 18], data: quantiles.map((one) => (one.length === 5 ? one : [])), itemStyle: { color: p.faint, borderColor: p.series(1), borderWidth: 1.4 } },
      { type: "scatter", symbol: "diamond", symbolSize: 9, color: p.series(2), data: means.map((mean, i) => [mean, i]) },
    ],
  };
}

function Opinions({ encoders, by, chance, sweep }: { encoders: EncoderSummary[]; by: string; chance: number | null; sweep: string }) {
  const sorted = [...encoders].sort((a, b) => (b.weight.mean ?? 0) - (a.weight.mean ?? 0));
  const alone = encoders.some((one) => one.alone);
  const loss = encoders.some((one) => one.loss_without);
  const shapley = encoders.some((one) => one.shapley !== null);
  const columns: TableColumn<EncoderSummary>[] = [
    { id: "encoder", head: "Encoder", names: true, cell: (one) => <Name of={one.encoder} /> },
    { id: "group", head: by === "modality" ? "Modality" : by, cell: (one) => one.group },
    { id: "weight", head: "Gate weight", kind: "number", class: "strong", cell: (one) => <>{share(one.weight.mean)}<span class="sd"> ± {share(one.weight.sd)}</span></> },
    { id: "kept", head: "Kept for", kind: "number", note: `Share of clips that keep it; by chance ${share(chance)}.`, cell: (one) => (one.selected.mean === null ? "–" : `${(100 * one.selected.mean).toFixed(1)} %`) },
    { id: "rank", head: "Mean rank", kind: "number", cell: (one) => one.mean_rank.toFixed(2) },
    ...(loss ? [
      {
        id: "loss", head: "Loss without it", kind: "number" as const, class: "strong", group: "retrained",
        cell: ({ loss_without: one }: EncoderSummary) => (
          <>
            {one ? <a href={to(["sweep", sweep, "config", one.config])}>{signed(one.mean)}</a> : "–"}
            {one?.protocol === "paper" && <span class="warn small"> paper</span>}
          </>
        ),
      },
      { id: "interval", head: "95 % interval", kind: "number" as const, group: "retrained", cell: ({ loss_without: one }: EncoderSummary) => (one ? `[${signed(one.low)}, ${signed(one.high)}]` : "–") },
    ] : []),
    ...(alone ? [{
      id: "alone", head: "Score alone", kind: "number" as const, group: "retrained",
      cell: ({ alone: one }: EncoderSummary) => <>{one ? share(one.held_out ?? one.paper) : "–"}{one && one.held_out === null && <span class="warn small"> paper</span>}</>,
    }] : []),
    ...(shapley ? [{ id: "shapley", head: "Shapley", kind: "number" as const, group: "retrained", note: "Shapley value of the Score.", cell: (one: EncoderSummary) => signed(one.shapley?.value) }] : []),
  ];
  return <Table label="Encoders" tall={sorted.length > 20} columns={columns} rows={sorted} id={(one) => one.encoder} />;
}

function Shapley({ report, shapley, base }: { report: ImportanceReport; shapley: ShapleyReport; base: string }) {
  const all = report.encoders.filter((one) => one.shapley);
  const [sorted] = largest(all, (one) => one.shapley!.value);
  const names = sorted.map((one) => one.encoder);
  const places = new Map(names.map((name, i) => [name, i]));
  const most = Math.max(...shapley.interactions.map((one) => Math.abs(one.value ?? 0)), 1e-9);
  const range = (one: { low: number | null; high: number | null }) => `[${signed(one.low)}, ${signed(one.high)}]`;
  const text = (i: number) => `${names[i]}\n${share(sorted[i]?.shapley?.value)}  ${range(sorted[i]!.shapley!)}${shapley.probe ? `\nprobe alone ${share(sorted[i]?.shapley?.probe)}` : ""}`;
  const probed = (probe: number | null | undefined) => (shapley.probe ? [signed(probe)] : []);
  const some = names.length < all.length ? `; the largest ${names.length} of ${all.length}` : "";
  return (
    <>
      <h2>Shapley values</h2>
      <p>
        What each encoder adds to the Score when it joins, retrained, over all orders of joining: {shapley.text}, {shapley.trainings} trainings,
        {shapley.protocol === "paper" ? " paper-style (optimistic)" : " held-out"}; {shapley.probe_text}.
      </p>
      {shapley.near_copies && <p class="warn">{shapley.near_copies.charAt(0).toUpperCase() + shapley.near_copies.slice(1)}.</p>}
      <div class="charts">
        <Plot
          title={`Shapley value of the Score with 95 % interval${shapley.probe ? "; hollow: the probe alone" : ""}${some}`}
          name={`${base}-shapley`}
          height={boxesHeight(names.length)}
          data={sorted.map((one) => one.shapley)}
          cells={{
            head: ["Encoder", "Shapley value", "95 % interval", ...(shapley.probe ? ["probe alone"] : [])],
            rows: all.map((one) => [one.encoder, signed(one.shapley!.value), range(one.shapley!), ...probed(one.shapley!.probe)]),
          }}
          build={(p) => ({
            grid: { left: 10, right: 16, top: 8, bottom: 42, containLabel: true },
            xAxis: valueAxis(p, "Shapley value", { axisLabel: { color: p.muted, fontSize: 11, formatter: share, hideOverlap: true } }),
            yAxis: nameAxis(p, names, { inverse: true }),
            tooltip: { formatter: ({ value }: { value: number[] }) => text(value[1]!) },
            series: [
              errorBars(p.series(1), sorted.map((one, i) => [one.shapley!.low, one.shapley!.high, i]), { lying: true, text: (value) => text(value[2]!) }),
              { type: "scatter", symbolSize: 9, ...p.mark(1), data: sorted.map((one, i) => [one.shapley!.value, i]) },
              ...(shapley.probe ? [{ type: "scatter", symbolSize: 9, ...p.mark(2, true), data: sorted.map((one, i) => [one.shapley!.probe, i]) }] : []),
            ],
          })}
        />
        <Plot
          title={`Interactions: below 0, two encoders stand in for each other${some}`}
          name={`${base}-shapley-interactions`}
          height={Math.max(220, 60 + 28 * names.length)}
          data={shapley.interactions}
          cells={{
            head: ["Encoder", "and", "Interaction", "95 % interval", ...(shapley.probe ? ["probe alone"] : [])],
            rows: shapley.interactions.map((one) => [one.encoder, one.with, signed(one.value), range(one), ...probed(one.probe)]),
          }}
          build={(p) => ({
            grid: { left: 10, right: 16, top: 26, bottom: 10, containLabel: true },
            ...matrixAxes(p, names),
            visualMap: { min: 0, max: most, show: false, dimension: 3, inRange: { color: p.scale } },
            tooltip: {
              formatter: ({ value }: { value: number[] }) => {
                const one = shapley.interactions[value[4]!]!;
                return `${one.encoder} and ${one.with}: ${signed(one.value)}  ${range(one)}${shapley.probe ? `\nprobe alone ${signed(one.probe)}` : ""}`;
              },
            },
            series: [{
              type: "heatmap",
              data: shapley.interactions.flatMap((one, i) => {
                const a = places.get(one.encoder);
                const b = places.get(one.with);
                return a === undefined || b === undefined ? [] : [[a, b, one.value, Math.abs(one.value ?? 0), i], [b, a, one.value, Math.abs(one.value ?? 0), i]];
              }),
              label: { show: fits(p, names), fontSize: 11, color: p.text, formatter: ({ value }: { value: number[] }) => signed(value[2]) },
              itemStyle: { borderColor: p.page, borderWidth: 2 },
            }],
          })}
        />
      </div>
    </>
  );
}

function GateAndScores({ report, base }: { report: ImportanceReport; base: string }) {
  const losing = report.encoders.filter((one) => one.loss_without);
  const alone = report.encoders.filter((one) => one.alone);
  const scatter = (title: string, name: string, label: string, points: { name: string; x: number | null; y: number | null; low: number | null; high: number | null }[]) => {
    const text = (one: (typeof points)[number]) => `${one.name}\ngate ${share(one.x)}\n${label} ${share(one.y)}  [${share(one.low)}, ${share(one.high)}]`;
    return <Plot
      title={title}
      name={`${base}-${name}`}
      data={points}
      cells={{ head: ["Encoder", "Gate weight", label, "95 % interval"], rows: points.map((one) => [one.name, share(one.x), share(one.y), `[${share(one.low)}, ${share(one.high)}]`]) }}
      build={(p) => ({
        grid: { left: 60, right: points.length > kNamed ? 20 : 120, top: 16, bottom: 46 },
        xAxis: valueAxis(p, "mean gate weight", { min: 0, axisLabel: { color: p.muted, fontSize: 11, formatter: share } }),
        yAxis: valueAxis(p, label, { scale: true, nameGap: 44, axisLabel: { color: p.muted, fontSize: 11, formatter: share } }),
        tooltip: { formatter: ({ dataIndex }: { dataIndex: number }) => text(points[dataIndex]!) },
        series: [
          { type: "scatter", symbolSize: 9, color: p.series(1), data: points.map((one) => [one.x, one.y]), label: { show: points.length <= kNamed, position: "right", color: p.text, fontSize: 11, lineHeight: 14, minMargin: 4, formatter: ({ dataIndex }: { dataIndex: number }) => middle(points[dataIndex]?.name ?? "", 17) }, labelLine: { show: true, length2: 4, lineStyle: { color: p.line } }, labelLayout: { x: "82%", moveOverlap: "shiftY" } },
          errorBars(p.series(1), points.map((one) => [one.x, one.low, one.high]), { text: (value) => text(points.find((one) => one.x === value[0] && one.low === value[1])!) }),
        ],
      })}
    />;
  };
  return (
    <div class="charts">
      {losing.length > 0 && scatter("Gate weight and what the Score loses without the encoder", "gate-and-loss", "loss without it",
        losing.map((one) => ({ name: one.encoder, x: one.weight.mean, y: one.loss_without!.mean, low: one.loss_without!.low, high: one.loss_without!.high })))}
      {alone.length > 0 && scatter("Gate weight and the Score of the encoder alone", "gate-and-alone", "Score alone",
        alone.map((one) => ({ name: one.encoder, x: one.weight.mean, y: one.alone!.held_out ?? one.alone!.paper, low: one.alone!.low, high: one.alone!.high })))}
    </div>
  );
}

/** The very files of `medley report --figures`. */
function Downloads({ sweep, query }: { sweep: string; query: URLSearchParams }) {
  const asked = new URLSearchParams();
  for (const name of ["config", "fold", "by"]) if (query.get(name)) asked.set(name, query.get(name)!);
  const polled = usePoll<Figures>(`sweeps/${sweep}/figures?${asked}`, 0);
  return (
    <span class="right">
      <Menu label="Figures for a paper">
        {polled.data?.figures.map((figure) => (
          <span key={figure.name} class="menu-row">
            {figure.name.replaceAll("_", " ")}
            <button type="button" class="quiet" onClick={() => save(new Blob([figure.csv], { type: "text/csv" }), `${figure.name}.csv`)}>CSV</button>
            <button type="button" class="quiet" onClick={() => save(new Blob([figure.svg], { type: "image/svg+xml" }), `${figure.name}.svg`)}>SVG</button>
          </span>
        ))}
        {polled.data?.missing.map((why) => <span key={why} class="small menu-row">not made: {why}</span>)}
        {polled.error && <span class="bad small">{polled.error.message}</span>}
      </Menu>
    </span>
  );
}

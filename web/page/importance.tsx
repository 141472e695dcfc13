// What the gate of a config thinks of the encoders, and what Scores say of them: the papers' figures.
import { NCurve, severalN } from "./ablations";
import type { EncoderSummary, Figures, ImportanceReport, ShapleyReport, Sweep } from "./api";
import { Bars } from "./bars";
import { Empty, Menu, Shown, over } from "./parts";
import { Plot, errorBars, legend, nameAxis, valueAxis } from "./plot";
import { usePoll } from "./poll";
import { changed, go, to } from "./route";
import { Scroll } from "./table";
import { share, signed, valueText } from "./text";

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
  const names = report.encoders.map((encoder) => encoder.encoder);
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
        <div><dt title="Spearman's rank correlation over encoders">Gate and loss without it</dt><dd>{signed(report.spearman_gate_and_loss)}</dd></div>
        <div><dt title="Spearman's rank correlation over encoders">Gate and Score alone</dt><dd>{signed(report.spearman_gate_and_alone)}</dd></div>
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
          data={report.encoders.map((one) => one.by_fold)}
          height={90 + (8 + 6 * report.folds.length) * names.length}
          build={(p) => ({
            grid: { left: 10, right: 16, top: 40, bottom: 42, containLabel: true },
            legend: legend(p),
            xAxis: valueAxis(p, "gate weight", { min: 0 }),
            yAxis: nameAxis(p, names, { inverse: true }),
            tooltip: {
              formatter: ({ seriesIndex, dataIndex }: { seriesIndex: number; dataIndex: number }) => {
                const one = report.encoders[dataIndex]?.by_fold[seriesIndex];
                return `${names[dataIndex]}, fold ${one?.fold}\n${share(one?.mean)} ± ${share(one?.sd)} over ${one?.count} seed${one?.count === 1 ? "" : "s"}`;
              },
            },
            series: report.folds.map((fold, index) => ({
              type: "bar", name: `fold ${fold}`, color: p.series(index + 1), barGap: "15%", data: report.encoders.map((one) => one.by_fold[index]?.mean ?? null),
            })),
          })}
        />
        <Plot
          title="Gate weight of a clip: 5, 25, 50, 75, 95 % (mean of trials); diamond: mean"
          name={`${base}-weight-distributions`}
          data={report.encoders.map((one) => [one.quantiles, one.weight])}
          height={boxesHeight(names.length)}
          build={(p) => boxes(p, names, report.encoders.map((one) => one.quantiles), report.encoders.map((one) => one.weight.mean), "gate weight")}
        />
        <Plot
          title="Distribution of the gate weight over clips (share of clips in each bin)"
          name={`${base}-weight-histograms`}
          data={report.encoders.map((one) => one.histogram)}
          height={Math.max(300, 100 + 18 * names.length)}
          build={(p) => {
            const bins = Math.max(...report.encoders.map((one) => one.histogram.length), 1);
            const most = Math.max(...report.encoders.flatMap((one) => one.histogram), 0.01);
            const cells = report.encoders.flatMap((one, e) => one.histogram.map((value, bin) => [bin, e, value]));
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
            height={boxesHeight(report.groups.length)}
            build={(p) => boxes(p, report.groups.map((one) => `${one.group} (${one.encoders})`), report.groups.map((one) => one.quantiles), report.groups.map((one) => one.share.mean), "share of the weight")}
          />
        )}
        {report.cka.length > 0 && (
          <Plot
            title="Linear CKA of projected encoders: 0 nothing in common, 1 the same up to rotation and scale"
            name={`${base}-cka`}
            height={Math.max(300, 90 + 30 * names.length)}
            data={report.cka}
            build={(p) => ({
              grid: { left: 10, right: 16, top: 16, bottom: 10, containLabel: true },
              xAxis: nameAxis(p, names, { axisLabel: { color: p.text, fontSize: 11, interval: 0, rotate: 30 } }),
              yAxis: nameAxis(p, names, { inverse: true }),
              visualMap: { min: 0, max: 1, show: false, inRange: { color: p.scale } },
              tooltip: { formatter: ({ value }: { value: number[] }) => `${names[value[1]!]} and ${names[value[0]!]}: ${share(value[2])}` },
              series: [{
                type: "heatmap",
                data: report.cka.map((value, i) => [i % names.length, Math.floor(i / names.length), value]),
                label: { show: names.length <= 12, fontSize: 11, color: p.text, formatter: ({ value }: { value: number[] }) => share(value[2]) },
                itemStyle: { borderColor: p.page, borderWidth: 2 },
              }],
            })}
          />
        )}
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

/** One SD to either side, as far as a share goes. */
export const within = ({ mean, sd }: { mean: number | null; sd: number | null }) =>
  mean === null || sd === null ? { low: null, high: null } : { low: Math.max(0, mean - sd), high: Math.min(1, mean + sd) };

type Build = Parameters<typeof Plot>[0]["build"];

const boxesHeight = (rows: number) => 64 + 26 * rows;

function boxes(p: Parameters<Build>[0], names: string[], quantiles: number[][], means: (number | null)[], label: string): ReturnType<Build> {
  return {
    grid: { left: 10, right: 16, top: 8, bottom: 42, containLabel: true },
    xAxis: valueAxis(p, label, { min: 0, max: 1 }),
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
  return (
    <Scroll label="Encoders">
      <table class="wide">
        <thead>
          <tr>
            <th scope="col">Encoder</th>
            <th scope="col">{by === "modality" ? "Modality" : by}</th>
            <th scope="col" class="number">Gate weight</th>
            <th scope="col" class="number" title={`by chance ${share(chance)}`}>Kept for</th>
            <th scope="col" class="number">Mean rank</th>
            {loss && <th scope="col" class="number first">Loss without it</th>}
            {loss && <th scope="col" class="number">95 % interval</th>}
            {alone && <th scope="col" class="number first">Score alone</th>}
            {shapley && <th scope="col" class="number" title="Shapley value of the Score, retrained">Shapley</th>}
          </tr>
        </thead>
        <tbody>
          {sorted.map((one) => (
            <tr key={one.encoder}>
              <th scope="row">{one.encoder}</th>
              <td>{one.group}</td>
              <td class="number strong">{share(one.weight.mean)}<span class="sd"> ± {share(one.weight.sd)}</span></td>
              <td class="number">{one.selected.mean === null ? "–" : `${(100 * one.selected.mean).toFixed(1)} %`}</td>
              <td class="number">{one.mean_rank.toFixed(2)}</td>
              {loss && (
                <td class="number first strong">
                  {one.loss_without ? <a href={to(["sweep", sweep, "config", one.loss_without.config])}>{signed(one.loss_without.mean)}</a> : "–"}
                  {one.loss_without?.protocol === "paper" && <span class="warn small"> paper</span>}
                </td>
              )}
              {loss && <td class="number">{one.loss_without ? `[${signed(one.loss_without.low)}, ${signed(one.loss_without.high)}]` : "–"}</td>}
              {alone && (
                <td class="number first">
                  {one.alone ? share(one.alone.held_out ?? one.alone.paper) : "–"}
                  {one.alone && one.alone.held_out === null && <span class="warn small"> paper</span>}
                </td>
              )}
              {shapley && <td class="number">{signed(one.shapley?.value)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Shapley({ report, shapley, base }: { report: ImportanceReport; shapley: ShapleyReport; base: string }) {
  const sorted = report.encoders.filter((one) => one.shapley).sort((a, b) => (b.shapley!.value ?? 0) - (a.shapley!.value ?? 0));
  const names = sorted.map((one) => one.encoder);
  const places = new Map(names.map((name, i) => [name, i]));
  const most = Math.max(...shapley.interactions.map((one) => Math.abs(one.value ?? 0)), 1e-9);
  const range = (one: { low: number | null; high: number | null }) => `[${signed(one.low)}, ${signed(one.high)}]`;
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
          title={`Shapley value of the Score with 95 % interval${shapley.probe ? "; hollow: the probe alone" : ""}`}
          name={`${base}-shapley`}
          data={sorted.map((one) => one.shapley)}
          build={(p) => ({
            grid: { left: 60, right: 16, top: 16, bottom: 70 },
            xAxis: nameAxis(p, names, { axisLabel: { color: p.text, fontSize: 11, interval: 0, rotate: 30 } }),
            yAxis: valueAxis(p, "Shapley value", { nameGap: 44, axisLabel: { color: p.muted, fontSize: 11, formatter: share } }),
            tooltip: { formatter: ({ dataIndex }: { dataIndex: number }) => `${names[dataIndex]}\n${share(sorted[dataIndex]?.shapley?.value)}  ${range(sorted[dataIndex]!.shapley!)}${shapley.probe ? `\nprobe alone ${share(sorted[dataIndex]?.shapley?.probe)}` : ""}` },
            series: [
              errorBars(p.series(1), sorted.map((one, i) => [i, one.shapley!.low, one.shapley!.high])),
              { type: "scatter", symbolSize: 9, color: p.series(1), data: sorted.map((one, i) => [i, one.shapley!.value]) },
              ...(shapley.probe ? [{ type: "scatter", symbolSize: 9, itemStyle: { color: "transparent", borderColor: p.series(2), borderWidth: 1.5 }, data: sorted.map((one, i) => [i, one.shapley!.probe]) }] : []),
            ],
          })}
        />
        <Plot
          title="Interactions: below 0, two encoders stand in for each other"
          name={`${base}-shapley-interactions`}
          height={Math.max(300, 90 + 30 * names.length)}
          data={shapley.interactions}
          build={(p) => ({
            grid: { left: 10, right: 16, top: 16, bottom: 10, containLabel: true },
            xAxis: nameAxis(p, names, { axisLabel: { color: p.text, fontSize: 11, interval: 0, rotate: 30 } }),
            yAxis: nameAxis(p, names, { inverse: true }),
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
                const a = places.get(one.encoder)!;
                const b = places.get(one.with)!;
                return [[a, b, one.value, Math.abs(one.value ?? 0), i], [b, a, one.value, Math.abs(one.value ?? 0), i]];
              }),
              label: { show: names.length <= 12, fontSize: 11, color: p.text, formatter: ({ value }: { value: number[] }) => signed(value[2]) },
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
  const scatter = (title: string, name: string, label: string, points: { name: string; x: number | null; y: number | null; low: number | null; high: number | null }[]) => (
    <Plot
      title={title}
      name={`${base}-${name}`}
      data={points}
      build={(p) => ({
        grid: { left: 60, right: 120, top: 16, bottom: 46 },
        xAxis: valueAxis(p, "mean gate weight", { min: 0, axisLabel: { color: p.muted, fontSize: 11, formatter: share } }),
        yAxis: valueAxis(p, label, { scale: true, nameGap: 44, axisLabel: { color: p.muted, fontSize: 11, formatter: share } }),
        tooltip: { formatter: ({ dataIndex }: { dataIndex: number }) => `${points[dataIndex]?.name}\ngate ${share(points[dataIndex]?.x)}\n${label} ${share(points[dataIndex]?.y)}  [${share(points[dataIndex]?.low)}, ${share(points[dataIndex]?.high)}]` },
        series: [
          { type: "scatter", symbolSize: 9, color: p.series(1), data: points.map((one) => [one.x, one.y]), label: { show: true, position: "right", color: p.text, fontSize: 11, lineHeight: 14, minMargin: 4, formatter: ({ dataIndex }: { dataIndex: number }) => points[dataIndex]?.name ?? "" }, labelLine: { show: true, length2: 4, lineStyle: { color: p.line } }, labelLayout: { x: "82%", moveOverlap: "shiftY" } },
          errorBars(p.series(1), points.map((one) => [one.x, one.low, one.high])),
        ],
      })}
    />
  );
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
  const save = (name: string, kind: "csv" | "svg", text: string) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: kind === "csv" ? "text/csv" : "image/svg+xml" }));
    link.download = `${name}.${kind}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };
  return (
    <span class="right">
      <Menu label="Figures for a paper">
        {polled.data?.figures.map((figure) => (
          <span key={figure.name} class="menu-row">
            {figure.name.replaceAll("_", " ")}
            <button type="button" class="quiet" onClick={() => save(figure.name, "csv", figure.csv)}>CSV</button>
            <button type="button" class="quiet" onClick={() => save(figure.name, "svg", figure.svg)}>SVG</button>
          </span>
        ))}
        {polled.data?.missing.map((why) => <span key={why} class="small menu-row">not made: {why}</span>)}
        {polled.error && <span class="bad small">{polled.error.message}</span>}
      </Menu>
    </span>
  );
}

import type { ComponentChildren } from "preact";

import { AblationsTab } from "./ablations";
import type { Axes, AxisValue, Spread, Sweep, SweepDetail, TrialList, TrialRow } from "./api";
import { CompareTab } from "./compare";
import { ConfigTab } from "./config";
import { ExploreTab } from "./explore";
import { hasToken } from "./fetch";
import { FileTab } from "./file";
import { ImportanceTab } from "./importance";
import { LeaderboardTab } from "./leaderboard";
import { ConfigLink, useNames } from "./names";
import { OverviewTab } from "./overview";
import { Change, Computing, DatasetName, Empty, Mean, NoWorkers, Pager, Progress, Shown, Tag, atWork, foldsOf, kHeldOutNote, kOfficial, kPaperNote, stateOf } from "./parts";
import { usePoll } from "./poll";
import { to } from "./route";
import { Marked, Ticks, scaleOf } from "./scale";
import type { Drawn, Scale } from "./scale";
import { SweepEdit } from "./sweeps";
import { Name, Table } from "./table";
import type { TableColumn } from "./table";
import { count, duration, share, shortTime, time, valueText } from "./text";
import { TimelineTab } from "./timeline";
import { useTitle } from "./title";

/** Pages without a tab of their own: the tab that leads to them. */
const kUnder: Record<string, string> = { config: "configs", compare: "configs" };

const kHeldOutOfTrial = `${kHeldOutNote} Of a trial: those of the config's other folds.`;

/** `item`: the config of the address. */
export function SweepView({ id, tab, item, query, control }: { id: string; tab: string; item: string; query: URLSearchParams; control: boolean }) {
  const polled = usePoll<SweepDetail>(`sweeps/${id}`, 3);
  const tabs: [string, string][] = [
    ["overview", "Overview"],
    ["configs", "Configs"],
    ["explore", "Explore"],
    ["ablations", "Ablations"],
    ["importance", "Importance"],
    ["axes", "Axes"],
    ["trials", "Trials"],
    ["timeline", "Timeline"],
    ["file", "Sweep file"],
  ];
  const titles: Record<string, string> = { ...Object.fromEntries(tabs), compare: "Comparison" };
  return (
    <Shown polled={polled} rows={10}>
      {(sweep) => (
        <>
          <p class="crumbs"><a href={to([])}>Sweeps</a></p>
          <div class="title">
            <Title text={`${sweep.name || sweep.id}${titles[tab] ? `: ${titles[tab]}` : ""}`} set={tab !== "config"} />
            <h1><Name of={sweep.name || sweep.id} most={90} /></h1>
            <Tag kind={sweep.state}>{sweep.state}</Tag>
            {control && hasToken() && (
              <span class="changes">
                {atWork(sweep) && <Change path={`sweeps/${id}/pause`} label="Pause" done={polled.again} />}
                {(sweep.state === "paused" || sweep.state === "stopped") && <Change path={`sweeps/${id}/resume`} label="Resume" done={polled.again} />}
                {sweep.trials.failed > 0 && <Change path={`sweeps/${id}/retry`} label="Retry failed trials" done={polled.again} />}
                {(atWork(sweep) || sweep.state === "paused") && (
                  <Change path={`sweeps/${id}/stop`} label="Stop" sure="Stop this sweep" done={polled.again} />
                )}
                <SweepEdit sweep={sweep} again={polled.again} />
              </span>
            )}
          </div>
          {sweep.description && <p>{sweep.description}</p>}
          {(sweep.note || sweep.tags.length > 0 || sweep.archived) && (
            <p class="marks">{sweep.tags.map((tag) => <span key={tag} class="label">{tag}</span>)}{sweep.archived && <span class="label">archived</span>}{sweep.note}</p>
          )}
          <Progress sweep={sweep} />
          {control && atWork(sweep) && <NoWorkers />}
          <Facts sweep={sweep} />
          <nav class="tabs" aria-label="Parts of this sweep">
            {tabs.map(([name, label]) => (
              <a key={name} href={to(["sweep", id, name])} aria-current={name === (kUnder[tab] ?? tab) ? "page" : undefined}>{label}</a>
            ))}
          </nav>
          {tab === "overview" && <OverviewTab sweep={sweep} />}
          {tab === "configs" && <LeaderboardTab sweep={sweep} query={query} control={control} />}
          {tab === "explore" && <ExploreTab sweep={sweep} query={query} />}
          {tab === "config" && <ConfigTab key={item} sweep={sweep} config={item} control={control} />}
          {tab === "compare" && <CompareTab sweep={id} query={query} />}
          {tab === "ablations" && <AblationsTab sweep={sweep} query={query} />}
          {tab === "importance" && <ImportanceTab sweep={sweep} query={query} />}
          {tab === "timeline" && <TimelineTab sweep={sweep} control={control} again={polled.again} />}
          {tab === "axes" && <AxesTab sweep={sweep} />}
          {tab === "trials" && <TrialsTab sweep={sweep} query={query} />}
          {tab === "file" && <FileTab sweep={sweep} query={query} control={control} />}
          {!(tabs.some(([name]) => name === tab) || tab in kUnder) && <Empty title="There is no such page" />}
        </>
      )}
    </Shown>
  );
}

/** Within what is shown once a sweep is known. */
function Title({ text, set }: { text: string; set: boolean }) {
  useTitle(set ? text : null);
  return null;
}

/** In one row; what there is none of is left out. */
function Facts({ sweep }: { sweep: Sweep }) {
  const { finished, total, running, failed, diverged } = sweep.trials;
  const facts: [string, ComponentChildren][] = [["Trials finished", `${count(finished)} / ${count(total)}`]];
  if (sweep.search) {
    const rounds = `${count(sweep.rounds)} ${sweep.rounds === 1 ? "round" : "rounds"}`;
    facts.push(["Search", `${String(sweep.search.kind)}, ${rounds}, ${sweep.searching ? "at most" : "of"} ${count(sweep.most_trials)} trials`]);
  }
  if (running) facts.push(["Running", count(running)]);
  if (failed) facts.push(["Failed", <span class="bad">{count(failed)}</span>]);
  if (diverged) facts.push(["Diverged", count(diverged)]);
  if (sweep.state === "running" && sweep.eta_seconds !== null) facts.push(["Time left", duration(sweep.eta_seconds)]);
  if (sweep.training_seconds > 0) facts.push(["Training time", duration(sweep.training_seconds)]);
  facts.push(["Configs × folds × seeds", `${count(sweep.configs)} × ${foldsOf(sweep)} × ${sweep.seeds.length}`]);
  if (sweep.partitions[0] !== kOfficial) facts.push(["Partition", `${sweep.partitions[0]}${sweep.partitions.length > 1 ? ` to ${sweep.partitions.length}` : ""}`]);
  facts.push(["Dataset", <DatasetName dataset={sweep.dataset} />], ["Submitted", time(sweep.created_ms)]);
  return <dl class="facts facts-row">{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}

/** One SD to either side. */
const spread = (of: Spread | null): Drawn =>
  of && of.mean !== null && of.sd !== null ? { mean: of.mean, low: of.mean - of.sd, high: of.mean + of.sd } : { mean: of?.mean ?? null, low: null, high: null };

function axisColumns(sweep: string, names: Map<string, string>, scale: Scale | null): TableColumn<AxisValue>[] {
  const scores = (group: string, get: (value: AxisValue) => Spread | null): TableColumn<AxisValue>[] => [
    { id: group, head: "Score", group, kind: "number", class: "strong", cell: (value) => <Mean of={get(value)} incomplete={!value.complete} /> },
    {
      id: `${group} drawn`,
      head: "Mean ± SD",
      group,
      kind: "drawn",
      class: "bare",
      under: scale && <Ticks scale={scale} />,
      cell: (value) => scale && <Marked of={spread(get(value))} scale={scale} hollow={group === "paper-style"} />,
    },
  ];
  return [
    { id: "value", head: "Value", names: true, cell: (value) => (value.value === null ? <span class="none">not varied</span> : <Name of={value.text} most={48} />) },
    { id: "configs", head: "Configs", kind: "number", cell: (value) => value.configs },
    { id: "trials", head: "Trials", kind: "number", cell: (value) => value.trials },
    ...scores("held-out", (value) => value.held_out_score),
    ...scores("paper-style", (value) => value.paper_score),
    { id: "best", head: "Config", group: "best config", cell: (value) => (value.best_config ? <ConfigLink sweep={sweep} config={value.best_config} names={names} /> : <span class="none">–</span>) },
    { id: "best score", head: "paper-style Score", group: "best config", kind: "number", cell: (value) => share(value.best_paper_score) },
  ];
}

/** What its best value gains over its worst, by held-out means where all of them have one; null of fewer than two. */
function gainOf(axis: Axes["axes"][number]): { gain: number; text: string } | null {
  const heldOut = axis.values.every((value) => value.held_out_score?.mean != null);
  const known = axis.values.flatMap((value) => {
    const mean = (heldOut ? value.held_out_score : value.paper_score)?.mean;
    return mean == null ? [] : [{ mean, name: value.value === null ? "not varied" : value.text }];
  }).sort((a, b) => b.mean - a.mean);
  const [best, worst] = [known[0], known[known.length - 1]];
  if (!best || !worst || best === worst) return null;
  const gain = best.mean - worst.mean;
  return { gain, text: `${best.name} is ${share(gain)} above ${worst.name} (${heldOut ? "held-out" : "paper-style"} means)` };
}

function AxesTab({ sweep }: { sweep: Sweep }) {
  const polled = usePoll<Axes>(`sweeps/${sweep.id}/axes`, 5);
  const names = useNames(sweep.id, polled.data?.axes.flatMap((axis) => axis.values.map((value) => value.best_config)).filter(Boolean) ?? []);
  return (
    <section aria-label="Axes">
      <Shown polled={polled} rows={12}>
        {({ axes }) => {
          if (axes.length === 0) return <Empty title="This sweep varies nothing"><p>It has one config, so there is no axis to compare along.</p></Empty>;
          const scale = scaleOf(axes.flatMap((axis) => axis.values.flatMap((value) => [spread(value.paper_score), spread(value.held_out_score)])));
          const sorted = axes.map((axis) => ({ axis, gain: gainOf(axis) })).sort((a, b) => (b.gain?.gain ?? 0) - (a.gain?.gain ?? 0));
          return (
            <>
              {sorted.map(({ axis, gain }) => {
                return (
                  <div key={axis.name} class="axis">
                    <h2>{axis.name}</h2>
                    {gain && <p class="legend">{gain.text}</p>}
                    <Table
                      label={`Values of ${axis.name}`}
                      columns={axisColumns(sweep.id, names, scale)}
                      rows={axis.values}
                      id={(value) => valueText(value.value)}
                      groups={{ "paper-style": kPaperNote, "held-out": kHeldOutNote }}
                      rowClass={(value) => (value.complete ? undefined : "incomplete")}
                    />
                  </div>
                );
              })}
              <p class="legend">
                The axis with the largest gain stands first, and all share one scale. Marginal means: every config that has the value, whatever its other settings. {kPaperNote} Mean ± SD over
                trials. {kHeldOutNote} Mean ± SD over configs. Grey rows lack trials.
              </p>
            </>
          );
        }}
      </Shown>
    </section>
  );
}

const kTrialStates = ["running", "finished", "diverged", "failed", "pending"] as const;

/** How many trials are in each state, of those that are not none; a click shows these alone. */
function StateChips({ sweep, chosen, choose }: { sweep: Sweep; chosen: string | null; choose: (state: string) => void }) {
  const { total, finished, failed, running, diverged } = sweep.trials;
  const counts = { running, finished, diverged, failed, pending: total - finished - failed };
  const chip = (state: string, label: string, n: number) => (
    <button key={state} type="button" class={(chosen ?? "") === state ? "chip marked" : "chip"} aria-pressed={(chosen ?? "") === state} onClick={() => choose(state)}>
      {label} <span class="number">{count(n)}</span>
    </button>
  );
  return (
    <span class="chips" role="group" aria-label="State">
      {chip("", "all", total)}
      {kTrialStates.filter((state) => counts[state] > 0 || chosen === state).map((state) => chip(state, state, counts[state]))}
    </span>
  );
}

/** Evenly spaced epochs of a trial, from its lowest to its highest. */
function Epochs({ of }: { of: TrialRow["curve"] }) {
  const values = (of ?? []).filter((value): value is number => value !== null);
  if (values.length < 2) return <span class="none">–</span>;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const points = values.map((value, i) => `${(1 + (54 * i) / (values.length - 1)).toFixed(1)},${(2 + (16 * (high - value)) / Math.max(1e-9, high - low)).toFixed(1)}`);
  return (
    <svg class="spark" width="56" height="20" role="img" aria-label={`Score by epoch: first ${share(values[0])}, highest ${share(high)}, last ${share(values[values.length - 1])}`}>
      <polyline points={points.join(" ")} />
    </svg>
  );
}

/** Moves between the rows of a table: the trial that has the focus, and those beside it. */
function toNextTrial(event: KeyboardEvent) {
  const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
  const links = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>("tbody th a")];
  const at = links.indexOf(document.activeElement as HTMLElement);
  const next = step === undefined || at < 0 ? undefined : links[at + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

function TrialsTab({ sweep, query }: { sweep: Sweep; query: URLSearchParams }) {
  const offset = Number(query.get("offset") ?? 0) || 0;
  const made = sweep.partitions[0] !== kOfficial;
  const keep = { config: query.get("config"), partition: query.get("partition"), fold: query.get("fold"), seed: query.get("seed"), state: query.get("state"), order: query.get("order"), descending: query.get("descending") };
  const search = to([], { ...keep, offset, curves: 1 }).replace(/^#\/\??/, "");
  const polled = usePoll<TrialList>(`sweeps/${sweep.id}/trials?${search}`, 3);
  const choose = (name: string, value: string) => {
    location.hash = to(["sweep", sweep.id, "trials"], { ...keep, [name]: value });
  };
  const sorting = {
    order: keep.order ?? "",
    reversed: keep.descending !== "1",
    set: (order: string | null, reversed: boolean) => {
      location.hash = to(["sweep", sweep.id, "trials"], { ...keep, order, descending: order === null || reversed ? null : "1" });
    },
  };
  const select = (name: "partition" | "fold" | "seed", values: (string | number)[]) => (
    <label>
      {name[0]!.toUpperCase() + name.slice(1)}{" "}
      <select value={keep[name] ?? ""} onChange={(event) => choose(name, event.currentTarget.value)}>
        <option value="">all</option>
        {values.map((value) => <option key={value} value={String(value)}>{value}</option>)}
      </select>
    </label>
  );
  const names = useNames(sweep.id, polled.data?.trials.map((trial) => trial.config) ?? []);
  const held = (name: string, get: (of: { acc_presence: number | null; acc_salience: number | null; score: number | null }) => number | null, protocol: "held_out" | "paper"): TableColumn<TrialRow> => ({
    id: `${protocol} ${name}`,
    head: name,
    group: protocol === "paper" ? "paper-style" : "held-out",
    kind: "number",
    ...(name === "Score" ? { order: `${protocol}_score` } : {}),
    cell: (trial) => share(trial[protocol] && get(trial[protocol].accuracy)),
  });
  const accuracies = (protocol: "held_out" | "paper") => [
    held("Score", (one) => one.score, protocol),
    held("ACC_P", (one) => one.acc_presence, protocol),
    held("ACC_S", (one) => one.acc_salience, protocol),
  ];
  const columns: TableColumn<TrialRow>[] = [
    { id: "trial", head: "Trial", names: true, cell: (trial) => <a class="mono" href={to(["trial", trial.id])}>{trial.id}</a> },
    {
      id: "state",
      head: "State",
      cell: (trial) => (
        <>
          <Tag kind={stateOf(trial)}>{stateOf(trial)}</Tag>
          {trial.reason && <span class="under reason" title={trial.reason}>{trial.reason}</span>}
        </>
      ),
    },
    { id: "config", head: "Config", cell: (trial) => <ConfigLink sweep={sweep.id} config={trial.config} names={names} most={24} /> },
    ...(made ? [{ id: "partition", head: "Partition", cell: (trial: TrialRow) => trial.partition }] : []),
    { id: "fold", head: "Fold", kind: "number", cell: (trial) => trial.fold },
    { id: "seed", head: "Seed", kind: "number", cell: (trial) => trial.seed },
    ...accuracies("held_out"),
    ...accuracies("paper"),
    { id: "epoch", head: "Epoch", group: "paper-style", kind: "number", cell: (trial) => trial.paper?.epoch ?? "–" },
    { id: "curve", head: "Curve", group: "paper-style", kind: "drawn", note: "Score by epoch, from the lowest to the highest of the trial.", cell: (trial) => <Epochs of={trial.curve} /> },
    { id: "time", head: "Time", kind: "number", order: "seconds", cell: (trial) => duration(trial.seconds) },
    { id: "ended", head: "Ended", kind: "number", order: "ended", cell: (trial) => (trial.ended_ms === null ? "–" : <span title={time(trial.ended_ms)}>{shortTime(trial.ended_ms)}</span>) },
    { id: "worker", head: "Worker", cell: (trial) => trial.worker && <a href={to(["worker", trial.worker])}><Name of={trial.worker_name || trial.worker} most={14} /></a> },
    { id: "attempts", head: "Attempts", kind: "number", order: "attempts", cell: (trial) => trial.attempts },
  ];
  return (
    <section aria-label="Trials" class="full">
      <div class="bar">
        <StateChips sweep={sweep} chosen={keep.state} choose={(state) => choose("state", state)} />
        {sweep.partitions.length > 1 && select("partition", sweep.partitions)}
        {select("fold", sweep.folds)}
        {select("seed", sweep.seeds)}
        {keep.config && (
          <span>
            Config {names.get(keep.config) ?? keep.config} <a href={to(["sweep", sweep.id, "trials"], { ...keep, config: null })}>show all configs</a>
          </span>
        )}
      </div>
      <Shown polled={polled} rows={12}>
        {(list) =>
          list.trials.length === 0 ? (
            <Empty title="No trial fits these choices" />
          ) : (
            <div onKeyDown={toNextTrial}>
              {list.computing && <Computing making={list.computing}>Held-out Scores follow.</Computing>}
              <Table label="Table of trials" class="dense" tall columns={columns} rows={list.trials} id={(trial) => trial.id} sorting={sorting} groups={{ "held-out": kHeldOutOfTrial, "paper-style": kPaperNote }} />
              <Pager
                offset={list.offset}
                shown={list.trials.length}
                total={list.total}
                link={(next) => to(["sweep", sweep.id, "trials"], { ...keep, offset: next })}
              />
            </div>
          )
        }
      </Shown>
    </section>
  );
}

// Ensembles: what there is, how to make one, and the archive to submit.
import { useEffect, useState } from "preact/hooks";

import type { Confusion, Ensemble, EnsembleHead, EnsembleList, SweepList, WeightShare } from "./api";
import { Bars } from "./bars";
import { ConfusionMatrix } from "./clips";
import { Refusal, change, download, hasToken } from "./fetch";
import { DatasetName, Empty, Failed, Share, Shown, kOfficial } from "./parts";
import { usePoll } from "./poll";
import { changed, go, to } from "./route";
import { Name, Table } from "./table";
import type { TableColumn } from "./table";
import { count, counted, share, time } from "./text";

const kColumns: TableColumn<EnsembleHead>[] = [
  { id: "name", head: "Ensemble", names: true, cell: (one) => <><a href={to(["ensemble", String(one.id)])}><Name of={one.name} /></a><span class="id">{one.id}</span></> },
  { id: "sweep", head: "Sweep", cell: (one) => (one.sweep ? <a href={to(["sweep", one.sweep])}><Name of={one.sweep_name ?? one.sweep} /></a> : "–") },
  { id: "dataset", head: "Dataset", cell: (one) => <DatasetName dataset={one.dataset} /> },
  {
    id: "method",
    head: "Method",
    cell: (one) => (
      <>
        {one.method}{one.mix === "geometric" && ", geometric"}{one.transductive && " ‡"}
        {one.protocol === "paper" && <span class="protocol">paper-style members</span>}
        {one.partition !== kOfficial && <span class="protocol">{one.partition}</span>}
        {one.sweep_results < one.sweep_trials && <span class="protocol" title={unfinished(one.sweep_results, one.sweep_trials)}>unfinished sweep</span>}
      </>
    ),
  },
  { id: "members", head: "Trials", kind: "number", cell: (one) => one.members },
  { id: "score", head: "Score", group: "nested", kind: "number", class: "strong", cell: (one) => share(one.nested?.score) },
  {
    id: "interval",
    head: "95 % interval",
    group: "nested",
    kind: "number",
    cell: ({ nested_interval: { score: [low, high], by } }) => <>[{share(low)}, {share(high)}]{by === "folds" && " by folds"}</>,
  },
  { id: "single", head: "Best single", group: "nested", kind: "number", cell: (one) => share(one.best_single_nested?.score) },
  { id: "optimistic", head: "Score", group: "optimistic", kind: "number", cell: (one) => share(one.optimistic?.score) },
  { id: "made", head: "Made", kind: "number", cell: (one) => time(one.created_ms) },
];

const unfinished = (results: number, trials: number) => `${count(results)} of the sweep’s ${counted(trials, "trial")} had a result: with all of them it may choose other members.`;

export function EnsemblesView({ query, control }: { query: URLSearchParams; control: boolean }) {
  const [fast, setFast] = useState(false);
  const polled = usePoll<EnsembleList>("ensembles", fast ? 1 : 5);
  const building = polled.data?.fits[0];
  useEffect(() => setFast(building?.ended === false), [building?.ended, building?.since_ms]);
  return (
    <>
      <h1>Ensembles</h1>
      {control && hasToken() && <Build query={query} busy={building?.ended === false} again={() => { setFast(true); polled.again(); }} />}
      {building && !building.ended && <div class="note" role="status"><strong>An ensemble of sweep {building.sweep} is being fitted</strong><p>Since {time(building.since_ms)}. It appears here when it is done.</p></div>}
      {building?.error && <div class="note note-failed" role="alert"><strong>The last ensemble could not be fitted</strong><p>{building.error}</p></div>}
      <Shown polled={polled} rows={6}>
        {({ ensembles }) =>
          ensembles.length === 0 ? (
            <Empty title="No ensembles yet">
              <p><code>medley ensemble SWEEP</code> fits one{control && hasToken() ? ", and so does the form above once a sweep has results" : ""}.</p>
            </Empty>
          ) : (
            <Table
              label="Table of ensembles"
              columns={kColumns}
              rows={ensembles}
              id={(one) => String(one.id)}
              groups={{ nested: "Selection, weights and thresholds fitted on the other folds.", optimistic: "Fitted on the rows it is measured on." }}
            />
          )
        }
      </Shown>
      <p class="legend">
        Nested: for each fold, members, weights and thresholds are fitted on the other folds’ clips and measured on its own. It is the Score of models of one fold each on clips of new actors. An export averages the models of all folds and is usually better. The interval goes by actors, or by folds where actors are not known.
        Optimistic: fitted and measured on the same clips. ‡ Transductive: training read unlabelled features of clips that it is scored on.
      </p>
    </>
  );
}

function Build({ query, busy, again }: { query: URLSearchParams; busy: boolean; again: () => void }) {
  const sweeps = usePoll<SweepList>("sweeps", 30);
  const [said, setSaid] = useState<{ text: string; failed: boolean } | null>(null);
  const set = (name: string, value: string) => go(to(["ensembles"], changed(query, { [name]: value })), "replace");
  const usable = sweeps.data?.sweeps.filter((sweep) => sweep.trials.finished > sweep.trials.diverged) ?? [];
  const value = (name: string, absent: string) => query.get(name) ?? absent;
  const sweep = value("sweep", usable[0]?.id ?? "");
  const method = value("method", "caruana");
  const chosen = usable.find((one) => one.id === sweep);
  const repeats = chosen?.partitions.length ?? 1;
  const select = (name: string, label: string, absent: string, choices: [string, string][]) => (
    <label>
      {label}
      <select value={value(name, absent)} onChange={(event) => set(name, event.currentTarget.value)}>
        {choices.map(([choice, text]) => <option key={choice} value={choice}>{text}</option>)}
      </select>
    </label>
  );
  const number = (name: string, label: string, absent: string, most: number) => (
    <label>
      {label}
      <input type="number" min="1" max={most} value={value(name, absent)} onInput={(event) => set(name, event.currentTarget.value)} />
    </label>
  );
  const build = async () => {
    setSaid(null);
    try {
      const answer = await change<{ message: string }>("ensembles", {
        sweep,
        method,
        mix: value("mix", "arithmetic"),
        name: value("name", ""),
        thresholds: value("thresholds", "pooled"),
        protocol: value("protocol", "held-out"),
        per_subset: value("members", "all") === "subset",
        k: Number(value("k", "5")),
        candidates: Number(value("candidates", "50")),
        rounds: Number(value("rounds", "20")),
        bags: Number(value("bags", "10")),
        repeat: repeats > 1 ? Number(value("repeat", "1")) : 1,
      });
      setSaid({ text: answer.message, failed: false });
      again();
    } catch (error) {
      setSaid({ text: error instanceof Refusal ? error.message : String(error), failed: true });
    }
  };
  if (usable.length === 0) return <Empty title="No sweep has a result to make an ensemble of" />;
  return (
    <form class="form" onSubmit={(event) => { event.preventDefault(); void build(); }} aria-label="Make an ensemble">
      <label>
        Sweep
        <select value={sweep} onChange={(event) => set("sweep", event.currentTarget.value)}>
          {usable.map((one) => <option key={one.id} value={one.id}>{one.name} · {one.id}</option>)}
        </select>
      </label>
      {select("method", "Method", "caruana", [["caruana", "greedy selection (Caruana)"], ["simplex", "fitted weights (simplex)"], ["mean", "mean of the best k"]])}
      {select("mix", "Mix", "arithmetic", [["arithmetic", "weighted mean"], ["geometric", "weighted geometric mean"]])}
      {select("members", "Candidates", "all", [["all", "every config and seed"], ["subset", "best config of each encoder subset"]])}
      {method === "mean" ? number("k", "k", "5", 10_000) : number("candidates", "Only the best", "50", 10_000)}
      {method === "caruana" && number("rounds", "Rounds", "20", 1_000)}
      {method === "caruana" && number("bags", "Bags", "10", 1_000)}
      {repeats > 1 && number("repeat", "Repeat of the folds", "1", repeats)}
      {select("thresholds", "Thresholds", "pooled", [["pooled", "one pair"], ["per-fold", "of each fold"]])}
      {select("protocol", "Epoch of members", "held-out", [["held-out", "held-out"], ["paper", "paper-style (optimistic)"]])}
      <label>
        Name
        <input type="text" maxLength={200} placeholder="of sweep and method" value={value("name", "")} onInput={(event) => set("name", event.currentTarget.value)} />
      </label>
      <button type="submit" disabled={busy}>Fit the ensemble</button>
      {chosen && chosen.trials.finished < chosen.trials.total && <span class="warn small">{unfinished(chosen.trials.finished, chosen.trials.total).replace("had", "have")}</span>}
      {said && <span class={said.failed ? "said said-failed" : "said"} role="status">{said.text}</span>}
    </form>
  );
}

export function EnsembleView({ id, control }: { id: string; control: boolean }) {
  const polled = usePoll<Ensemble>(`ensembles/${id}`, 10);
  const confusion = usePoll<Confusion>(`ensembles/${id}/confusion`, 0);
  return (
    <Shown polled={polled} rows={12}>
      {(one) => (
        <>
          <p class="crumbs"><a href={to(["ensembles"])}>Ensembles</a>{one.sweep && <a href={to(["sweep", one.sweep])}>{one.sweep_name ?? one.sweep}</a>}</p>
          <div class="title">
            <h1>{one.name}</h1>
            <Archive ensemble={one} control={control} again={polled.again} />
          </div>
          <dl class="facts">
            <div><dt>Nested Score</dt><dd><strong>{share(one.nested?.score)}</strong><span class="small"> [{share(one.nested_interval.score[0])}, {share(one.nested_interval.score[1])}]{one.nested_interval.by === "folds" && " by folds, as fewer than two actors are known"}</span></dd></div>
            <div><dt>Nested ACC_P, ACC_S</dt><dd>{share(one.nested?.acc_presence)}, {share(one.nested?.acc_salience)}</dd></div>
            <div><dt>Optimistic Score</dt><dd>{share(one.optimistic?.score)}</dd></div>
            <div><dt>Best single, nested</dt><dd>{share(one.best_single_nested?.score)}</dd></div>
            <div><dt>Method</dt><dd>{one.method}, {one.mix} mean{one.settings["per_subset"] === true && ", of each subset its best"}</dd></div>
            <div><dt title="candidates that have weight">Members</dt><dd>{one.weights.length} of {one.candidates ?? "–"}</dd></div>
            <div><dt>Thresholds</dt><dd>α {share(Number(one.settings["alpha"]))}, β {share(Number(one.settings["beta"]))}</dd></div>
            <div><dt title="all members are of it">Partition</dt><dd>{one.partition}</dd></div>
            <div><dt>Heads fused as</dt><dd>{String(one.settings["heads_fused_as"])}</dd></div>
            <div><dt>Dataset</dt><dd><DatasetName dataset={one.dataset} /></dd></div>
            <div><dt>Made</dt><dd>{time(one.created_ms)}</dd></div>
          </dl>
          {one.sweep_results < one.sweep_trials && <p class="legend warn">{unfinished(one.sweep_results, one.sweep_trials)}</p>}
          {one.protocol === "paper" && <p class="legend warn">Members are of the paper-style epoch, which the reported fold chose: all numbers here are optimistic.</p>}
          <div class="charts">
            <Shares title="Weight by encoder" name={`ensemble-${one.id}-encoders`} shares={one.shares.encoders ?? []} />
            {(one.shares.groups ?? []).filter((groups) => groups.shares.length > 1).map((groups) => (
              <Shares key={groups.by} title={`Weight by ${groups.by}`} name={`ensemble-${one.id}-${groups.by}`} shares={groups.shares} />
            ))}
          </div>
          <div class="columns columns-even">
            <section>
              <h2>Members</h2>
              <Table
                label="Weights"
                rows={[...one.weights].sort((a, b) => b.weight - a.weight).slice(0, 50)}
                id={(member) => member.config + member.seeds.join()}
                columns={[
                  { id: "config", head: "Config", names: true, cell: (member) => (one.sweep ? <a href={to(["sweep", one.sweep, "config", member.config])}><Name of={member.name} most={48} /></a> : <Name of={member.name} most={48} />) },
                  { id: "seeds", head: "Seeds", cell: (member) => member.seeds.join(", ") },
                  { id: "weight", head: "Weight", kind: "number", cell: (member) => <>{share(member.weight)}<Share of={member.weight} /></> },
                ]}
              />
              {one.weights.length > 50 && <p class="legend">The first 50 of {one.weights.length}.</p>}
            </section>
            <section>
              <h2>By fold, fitted on the other folds</h2>
              <Table
                label="By fold"
                rows={one.folds}
                id={(fold) => String(fold.fold)}
                columns={[
                  { id: "fold", head: "Fold", kind: "number", names: true, cell: (fold) => fold.fold },
                  { id: "score", head: "Score", kind: "number", class: "strong", cell: (fold) => share(fold.score) },
                  { id: "presence", head: "ACC_P", kind: "number", cell: (fold) => share(fold.acc_presence) },
                  { id: "salience", head: "ACC_S", kind: "number", cell: (fold) => share(fold.acc_salience) },
                  { id: "alpha", head: "α", kind: "number", cell: (fold) => share(fold.alpha) },
                  { id: "beta", head: "β", kind: "number", cell: (fold) => share(fold.beta) },
                ]}
              />
            </section>
          </div>
          <section>
            <h2>Confusion of emotion sets</h2>
            {confusion.error ? <Failed error={confusion.error} again={confusion.again} /> : <Shown polled={confusion} rows={10}>{(data) => <ConfusionMatrix data={data} name={`ensemble-${one.id}-confusion`} />}</Shown>}
            <p class="legend">Of each clip the members that did not train on it, at the ensemble’s thresholds. Weights and thresholds were fitted on these clips: optimistic.</p>
          </section>
        </>
      )}
    </Shown>
  );
}

function Shares({ title, name, shares }: { title: string; name: string; shares: WeightShare[] }) {
  return (
    <Bars
      title={`${title}; bars to either side: fits without a fold`}
      name={name}
      about="Encoder or group"
      label="share of the weight"
      max={1}
      of={shares.map(({ encoder, group, share: value, range: [low, high] }) => ({ name: encoder ?? group ?? "", value, low, high, text: `${share(value)}\nwithout a fold ${share(low)} to ${share(high)}` }))}
    />
  );
}

function Archive({ ensemble, control, again }: { ensemble: Ensemble; control: boolean; again: () => void }) {
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState<{ text: string; failed: boolean } | null>(null);
  const newest = ensemble.exports[0];
  const make = async () => {
    setBusy(true);
    setSaid(null);
    try {
      const answer = await change<{ message: string; export: number }>(`ensembles/${ensemble.id}/export`, {});
      setSaid({ text: answer.message, failed: false });
      await download(`exports/${answer.export}/archive.zip`, `submission-${answer.export}.zip`);
      again();
    } catch (error) {
      setSaid({ text: error instanceof Refusal ? error.message : String(error), failed: true });
    }
    setBusy(false);
  };
  const save = async (path: string, name: string) => {
    try {
      await download(path, name);
    } catch (error) {
      setSaid({ text: error instanceof Refusal ? error.message : String(error), failed: true });
    }
  };
  return (
    <span class="changes">
      {said && <span class={said.failed ? "said said-failed" : "said"} role="status">{said.text}</span>}
      {newest && (
        <>
          <button type="button" onClick={() => void save(`exports/${newest.id}/archive.zip`, `submission-${newest.id}.zip`)} title={`${counted(newest.clips ?? 0, "clip")}, SHA-256 ${newest.sha256}`}>
            Download the archive
          </button>
          <button type="button" onClick={() => void save(`exports/${newest.id}/manifest.json`, `submission-${newest.id}.manifest.json`)}>Manifest</button>
        </>
      )}
      {control && hasToken() && <button type="button" disabled={busy} onClick={() => void make()}>{newest ? "Export again" : "Export and download"}</button>}
    </span>
  );
}

// Ensembles: what there is, how to make one, and the archive to submit.
import { useEffect, useState } from "preact/hooks";

import type { Confusion, Ensemble, EnsembleList, SweepList, WeightShare } from "./api";
import { Refusal, change, download, hasToken } from "./fetch";
import { ConfusionMatrix } from "./clips";
import { DatasetName, Empty, Failed, Shown, kOfficial } from "./parts";
import { Plot, errorBars, nameAxis, valueAxis } from "./plot";
import { usePoll } from "./poll";
import { changed, go, to } from "./route";
import { Scroll } from "./table";
import { count, share, time } from "./text";

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
              <p><code>medley ensemble SWEEP</code> fits one{control ? ", and so does the form above" : ""}.</p>
            </Empty>
          ) : (
            <Scroll label="Table of ensembles">
              <table class="wide">
                <thead>
                  <tr class="groups">
                    <td colSpan={5} />
                    <th scope="colgroup" colSpan={3} class="first" title="Selection, weights and thresholds fitted on the other folds">nested</th>
                    <th scope="colgroup" class="first number" title="Fitted on the rows it is measured on"><span>optimistic</span></th>
                    <td />
                  </tr>
                  <tr>
                    <th scope="col">Ensemble</th>
                    <th scope="col">Sweep</th>
                    <th scope="col">Dataset</th>
                    <th scope="col">Method</th>
                    <th scope="col" class="number">Trials</th>
                    <th scope="col" class="number first">Score</th>
                    <th scope="col" class="number">95 % interval</th>
                    <th scope="col" class="number">Best single</th>
                    <th scope="col" class="number first">Score</th>
                    <th scope="col" class="number">Made</th>
                  </tr>
                </thead>
                <tbody>
                  {ensembles.map((one) => (
                    <tr key={one.id}>
                      <th scope="row"><a href={to(["ensemble", String(one.id)])}>{one.name}</a><span class="id">{one.id}</span></th>
                      <td>{one.sweep ? <a href={to(["sweep", one.sweep])}>{one.sweep_name ?? one.sweep}</a> : "–"}</td>
                      <td><DatasetName dataset={one.dataset} /></td>
                      <td>{one.method}{one.mix === "geometric" && ", geometric"}{one.protocol === "paper" && <span class="protocol">paper-style members</span>}{one.transductive && " ‡"}{one.partition !== kOfficial && <span class="protocol">{one.partition}</span>}{one.sweep_results < one.sweep_trials && <span class="protocol">unfinished sweep</span>}</td>
                      <td class="number">{one.members}</td>
                      <td class="number first strong">{share(one.nested?.score)}</td>
                      <td class="number">[{share(one.nested_interval.score[0])}, {share(one.nested_interval.score[1])}]{one.nested_interval.by === "folds" && " by folds"}</td>
                      <td class="number">{share(one.best_single_nested?.score)}</td>
                      <td class="number first">{share(one.optimistic?.score)}</td>
                      <td class="number">{time(one.created_ms)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
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
  const repeats = usable.find((one) => one.id === sweep)?.partitions.length ?? 1;
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
              <Scroll label="Weights">
                <table class="wide">
                  <thead><tr><th scope="col">Config</th><th scope="col">Seeds</th><th scope="col" class="number">Weight</th><th scope="col" class="wide-cell"><span class="hidden">Weight, drawn</span></th></tr></thead>
                  <tbody>
                    {[...one.weights].sort((a, b) => b.weight - a.weight).slice(0, 50).map((member) => (
                      <tr key={member.config + member.seeds.join()}>
                        <th scope="row">
                          {one.sweep ? <a href={to(["sweep", one.sweep, "trials"], { config: member.config })}>{member.name}</a> : member.name}
                          <span class="id">{member.config}</span>
                        </th>
                        <td>{member.seeds.join(", ")}</td>
                        <td class="number">{share(member.weight)}</td>
                        <td class="wide-cell">
                          <svg class="weights" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">
                            <rect class="progress-rest" x="0" y="4" width="100" height="4" />
                            <rect class="progress-finished" x="0" y="4" width={100 * member.weight} height="4" />
                          </svg>
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </Scroll>
              {one.weights.length > 50 && <p class="legend">The first 50 of {one.weights.length}.</p>}
            </section>
            <section>
              <h2>By fold, fitted on the other folds</h2>
              <table class="wide">
                <thead><tr><th scope="col" class="number">Fold</th><th scope="col" class="number">Score</th><th scope="col" class="number">ACC_P</th><th scope="col" class="number">ACC_S</th><th scope="col" class="number">α</th><th scope="col" class="number">β</th></tr></thead>
                <tbody>
                  {one.folds.map((fold) => (
                    <tr key={fold.fold}>
                      <td class="number">{fold.fold}</td>
                      <td class="number strong">{share(fold.score)}</td>
                      <td class="number">{share(fold.acc_presence)}</td>
                      <td class="number">{share(fold.acc_salience)}</td>
                      <td class="number">{share(fold.alpha)}</td>
                      <td class="number">{share(fold.beta)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
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
  const names = shares.map((one) => one.encoder ?? one.group ?? "");
  return (
    <Plot
      title={`${title}; bars to either side: fits without a fold`}
      name={name}
      height={70 + 32 * Math.max(2, shares.length)}
      data={shares}
      build={(p) => ({
        grid: { left: 10, right: 24, top: 10, bottom: 40, containLabel: true },
        xAxis: valueAxis(p, "share of the weight", { min: 0, max: 1 }),
        yAxis: nameAxis(p, names, { inverse: true }),
        tooltip: { formatter: ({ dataIndex }: { dataIndex: number }) => `${names[dataIndex]}: ${share(shares[dataIndex]?.share)}\nwithout a fold ${share(shares[dataIndex]?.range[0])} to ${share(shares[dataIndex]?.range[1])}` },
        series: [
          { type: "bar", barMaxWidth: 18, color: p.series(1), data: shares.map((one) => one.share) },
          errorBars(p.text, shares.map((one, i) => [one.range[0], one.range[1], i]), { lying: true }),
        ],
      })}
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
          <button type="button" onClick={() => void save(`exports/${newest.id}/archive.zip`, `submission-${newest.id}.zip`)} title={`${count(newest.clips ?? 0)} clips, SHA-256 ${newest.sha256}`}>
            Download the archive
          </button>
          <button type="button" onClick={() => void save(`exports/${newest.id}/manifest.json`, `submission-${newest.id}.manifest.json`)}>Manifest</button>
        </>
      )}
      {control && hasToken() && <button type="button" disabled={busy} onClick={() => void make()}>{newest ? "Export again" : "Export and download"}</button>}
    </span>
  );
}

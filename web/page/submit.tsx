// A new sweep: its file as text, checked as it is typed by the parser that runs it, and the plan before it is submitted.
import { useEffect, useRef, useState } from "preact/hooks";

import type { DatasetDetails, DatasetList, Planned, SpecError, SpecErrors, Submitted, SweepList } from "./api";
import { Refusal, change, hasToken } from "./fetch";
import { Empty, Shown, foldsOf } from "./parts";
import { usePoll } from "./poll";
import { changed, go, to } from "./route";
import { Name, Table } from "./table";
import { templates } from "./templates";
import { count, counted, duration } from "./text";

const kDraft = "medley-draft";
const kFolder = "medley-folder";
const kOther = "folder";  // the menu's entry for a dataset that is not registered
const kStart = `name: my sweep
folds: all
seeds: 3
base:
  epochs: 40
axes:
  selection: [learned, random, fixed]
  top_n: {range: [1, 4]}
compare:
  - {axis: selection, baseline: learned, margin: 0.01}
`;

/** The form begins with this text. */
export function keepDraft(yaml: string): void {
  sessionStorage.setItem(kDraft, yaml);
}

export function SubmitView({ query, control }: { query: URLSearchParams; control: boolean }) {
  const datasets = usePoll<DatasetList>("datasets", 0);
  if (!control || !hasToken()) {
    return (
      <>
        <h1>New sweep</h1>
        <Empty title="Nothing can be submitted here">
          <p>{control ? "Open the address that the server printed: it carries the token that changes need." : "This server only shows the store; a coordinator that runs on it (medley run, medley serve) has a page of its own."}</p>
        </Empty>
      </>
    );
  }
  return (
    <>
      <h1>New sweep</h1>
      <Shown polled={datasets} rows={10}>
        {(data) => <Form datasets={data.datasets} query={query} />}
      </Shown>
    </>
  );
}

function Form({ datasets, query }: { datasets: DatasetDetails[]; query: URLSearchParams }) {
  const asked = query.get("dataset") ?? "";
  const known = datasets.find((one) => asked !== "" && one.fingerprint.startsWith(asked)) ?? datasets[datasets.length - 1];
  const dataset = asked === kOther ? undefined : known;
  const [folder, setFolder] = useState(sessionStorage.getItem(kFolder) ?? "");
  // What the sweep is for, as the API takes it; null while the folder is being typed.
  const target = dataset ? { dataset: dataset.fingerprint } : folder.startsWith("/") ? { folder } : null;
  const [yaml, setYaml] = useState(sessionStorage.getItem(kDraft) ?? kStart);
  const [answer, setAnswer] = useState<Planned | SpecErrors | null>(null);
  const [error, setError] = useState("");
  const [checked, setChecked] = useState("");
  const [busy, setBusy] = useState(false);
  const [before, setBefore] = useState<string | null>(null);  // that a template took the place of
  const sweeps = usePoll<SweepList>("sweeps", 10);
  const workers = sweeps.data?.joined_workers ?? 0;
  const gone = sweeps.error?.status === 0;
  const area = useRef<HTMLTextAreaElement>(null);

  const question = JSON.stringify({ yaml, ...target });
  useEffect(() => {
    sessionStorage.setItem(kDraft, yaml);
    sessionStorage.setItem(kFolder, folder);
    if (!target) {
      setAnswer(null);
      setError("");
      setChecked(question);
      return;
    }
    const abort = new AbortController();
    const timer = window.setTimeout(async () => {
      try {
        const made = await change<Planned | SpecErrors>("plan", { yaml, ...target }, abort.signal);
        if (abort.signal.aborted) return;
        setAnswer(made);
        setError("");
        setChecked(question);
      } catch (failure) {
        if (abort.signal.aborted) return;
        setAnswer(null);
        setError(failure instanceof Refusal ? failure.message : String(failure));
      }
    }, 400);
    return () => {
      abort.abort();
      window.clearTimeout(timer);
    };
  }, [question, gone]);  // a server that is back is asked again

  const submit = async () => {
    setBusy(true);
    try {
      const made = await change<Submitted | SpecErrors>("sweeps", { yaml, ...target });
      if (made.done) {
        sessionStorage.removeItem(kDraft);
        go(to(["sweep", made.sweep, "timeline"]));
      } else {
        setAnswer(made);
      }
    } catch (failure) {
      setError(failure instanceof Refusal ? failure.message : String(failure));
    }
    setBusy(false);
  };
  const jump = (wrong: SpecError) => {
    const place = area.current;
    if (!place || wrong.line === 0) return;
    const before = yaml.split("\n").slice(0, wrong.line - 1).join("\n").length + (wrong.line > 1 ? 1 : 0);
    const at = before + Math.max(0, wrong.column - 1);
    place.focus();
    place.setSelectionRange(at, at + Math.max(1, wrong.text.length));
  };
  const lines = yaml.split("\n").length;
  const errors = answer && !answer.done ? answer.errors : null;
  const plan = answer?.done ? answer.plan : null;
  const wrongLines = new Set(errors?.map((one) => one.line) ?? []);
  const fresh = checked === question;
  return (
    <div class="columns columns-even">
      <section>
        <label class="field">
          Dataset
          <select value={dataset?.fingerprint ?? kOther} onChange={(event) => go(to(["new"], changed(query, { dataset: event.currentTarget.value.slice(0, 12) })))}>
            {datasets.map((one) => <option key={one.fingerprint} value={one.fingerprint}>{one.name}{one.synthetic ? " (synthetic)" : ""} · {one.fingerprint.slice(0, 12)}</option>)}
            <option value={kOther}>{datasets.length === 0 ? "a folder" : "another folder…"}</option>
          </select>
        </label>
        {!dataset && (
          <label class="field">
            Folder of the dataset
            <input type="text" value={folder} placeholder="/data/features" spellcheck={false} autocomplete="off" onInput={(event) => setFolder(event.currentTarget.value)} />
          </label>
        )}
        <p class="legend">
          {dataset ? (
            <>{counted(dataset.clips, "clip")} on folds {dataset.folds.join(", ")}; encoders {dataset.encoders.map((one) => one.name).join(", ")}. </>
          ) : (
            "An absolute path on the coordinator’s host. Its features are read before the plan is shown. "
          )}
          A <code>dataset</code> in the text plays no part here.
        </p>
        <div class="bar">
          <label>
            Begin with{" "}
            <select value="" onChange={(event) => { setBefore(yaml); setYaml(templates[Number(event.currentTarget.value)]![1]); }}>
              <option value="">a template</option>
              {templates.map(([asks], i) => <option key={asks} value={String(i)}>{asks}</option>)}
            </select>
          </label>
          {before !== null && <button type="button" class="quiet" onClick={() => { setYaml(before); setBefore(null); }}>Take my text back</button>}
        </div>
        <div class="editor">
          <pre class="gutter" aria-hidden="true">
            {Array.from({ length: lines }, (_, i) => <span key={i} class={wrongLines.has(i + 1) ? "wrong" : undefined}>{i + 1}{"\n"}</span>)}
          </pre>
          <textarea
            ref={area}
            aria-label="Sweep file"
            aria-invalid={wrongLines.size > 0}
            spellcheck={false}
            autocomplete="off"
            wrap="off"
            rows={Math.max(18, lines + 1)}
            value={yaml}
            onInput={(event) => setYaml(event.currentTarget.value)}
            onKeyDown={(event) => {
              // Tab indents; Escape, then Tab leaves, as in other editors.
              if (event.key !== "Tab" || event.shiftKey || event.currentTarget.dataset["leave"]) return;
              event.preventDefault();
              event.currentTarget.setRangeText("  ", event.currentTarget.selectionStart, event.currentTarget.selectionEnd, "end");
              setYaml(event.currentTarget.value);
            }}
            onKeyUp={(event) => {
              if (event.key === "Escape") event.currentTarget.dataset["leave"] = "1";
              else delete event.currentTarget.dataset["leave"];
            }}
          />
        </div>
        <p class="legend">Tab indents; Escape, then Tab leaves the text.</p>
      </section>
      <section aria-live="polite">
        <h2>{!fresh && !error ? "Checking…" : errors ? `${errors.length} error${errors.length === 1 ? "" : "s"}` : "Plan"}</h2>
        {!target && <p class="legend">Say where the dataset lies; then the plan is shown here.</p>}
        {error && <div class="note note-failed"><strong>It could not be checked</strong><p>{error}</p></div>}
        {errors && (
          <ul class="errors">
            {errors.map((one) => (
              <li key={`${one.line}:${one.column}:${one.message}`}>
                <button type="button" class="quiet" onClick={() => jump(one)}>{one.line > 0 ? `line ${one.line}, column ${one.column}` : "the file"}</button>
                <span>{one.text && <code>{one.text}</code>} {one.message}</span>
              </li>
            ))}
          </ul>
        )}
        {plan && (
          <>
            <dl class="facts">
              <div><dt>Configs × folds × seeds</dt><dd>{count(plan.configs)} × {foldsOf(plan)} × {plan.seeds.length}</dd></div>
              <div><dt>{plan.search ? "Trials, at most" : "Trials"}</dt><dd>{count(plan.trials)}</dd></div>
              <div><dt>Done already</dt><dd>{count(plan.done)}</dd></div>
              <div><dt>To train</dt><dd><strong>{count(plan.left)}</strong></dd></div>
              <div><dt title="from the trials of this dataset that are done">Expected on one worker</dt><dd>{plan.forecast.training_seconds === null ? "unknown: no trial of the dataset is done" : duration(plan.forecast.training_seconds)}</dd></div>
              {plan.forecast.training_seconds !== null && workers > 1 && <div><dt>on the {workers} that have joined</dt><dd><strong>{duration(plan.forecast.training_seconds / workers)}</strong></dd></div>}
              {plan.forecast.settles && <div><dt>Settles differences of</dt><dd>{plan.forecast.settles.half_width.toFixed(4).replace(/^0/, "")}</dd></div>}
              {plan.impossible > 0 && <div><dt>Impossible, skipped</dt><dd>{count(plan.impossible)}</dd></div>}
              {plan.duplicates > 0 && <div><dt>Train the same as another</dt><dd>{count(plan.duplicates)}</dd></div>}
            </dl>
            {plan.shapley && <p class="small">{plan.shapley}.</p>}
            {plan.traps.map((trap) => <p key={trap} class="warn small">{trap}</p>)}
            {answer?.done && answer.warnings.map((warning) => <p key={warning.message} class="warn small">{warning.line > 0 && `line ${warning.line}: `}{warning.message}</p>)}
            <button type="button" class="primary" disabled={busy || !fresh} onClick={() => void submit()}>Submit {plan.sweep}</button>
            {plan.axes.length > 0 && (
              <Table
                label="Trials by axis"
                rows={plan.axes.flatMap((axis) => axis.values.map((value) => ({ ...value, setting: axis.setting })))}
                id={(value) => value.setting + value.value}
                columns={[
                  { id: "axis", head: "Axis", names: true, cell: ({ setting, value }) => (plan.axes.find((axis) => axis.setting === setting)?.values[0]?.value === value ? setting : "") },
                  { id: "value", head: "Value", cell: ({ value }) => <Name of={value || "(base)"} /> },
                  { id: "configs", head: "Configs", kind: "number", cell: ({ configs }) => count(configs) },
                  { id: "trials", head: "Trials", kind: "number", cell: ({ trials }) => count(trials) },
                  { id: "done", head: "Done", kind: "number", cell: ({ done }) => count(done) },
                ]}
              />
            )}
          </>
        )}
      </section>
    </div>
  );
}

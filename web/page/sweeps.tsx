// All sweeps of the store: search and filter them, keep them in order, tick some for one table over their configs.
import { useState } from "preact/hooks";

import type { ListedSweep, StoreHealth, Sweep, SweepList } from "./api";
import { Refusal, change, hasToken } from "./fetch";
import { Choices } from "./filters";
import { Change, DatasetName, Empty, NoWorkers, Progress, Shown, Tag, atWork, kPaperNote, over } from "./parts";
import { usePoll } from "./poll";
import { changed, go, to } from "./route";
import { Name, Popup, Table } from "./table";
import type { TableColumn } from "./table";
import { bytes, count, counted, duration, middle, share, time } from "./text";

const kMostTicked = 10;
const kSpark = { width: 72, height: 18 };  // px

const parts = (query: URLSearchParams, name: string) => (query.get(name) ?? "").split("|").filter(Boolean);

/** What the address asks for: text, states, tags, archived or not. */
function fits(sweep: Sweep, query: URLSearchParams): boolean {
  const text = [sweep.name, sweep.id, sweep.description, sweep.note, sweep.dataset.name, ...sweep.tags].join("\n").toLowerCase();
  const states = parts(query, "state");
  return (
    (!sweep.archived || query.get("archived") === "1") &&
    text.includes((query.get("search") ?? "").toLowerCase()) &&
    (states.length === 0 || states.includes(sweep.state)) &&
    parts(query, "tag").every((tag) => sweep.tags.includes(tag))
  );
}

export function SweepsView({ query, control }: { query: URLSearchParams; control: boolean }) {
  const polled = usePoll<SweepList>("sweeps", 3);
  const store = usePoll<StoreHealth>("store", 10);
  const low = store.data?.free_bytes !== null && (store.data?.free_bytes ?? Infinity) < 1e9;
  const set = (changes: Record<string, string | null>, how: "push" | "replace" = "push") => go(to([], changed(query, changes)), how);
  const ticked = parts(query, "ticked");
  const tick = (id: string) => set({ ticked: (ticked.includes(id) ? ticked.filter((one) => one !== id) : [...ticked, id]).join("|") || null }, "replace");
  return (
    <section aria-label="Sweeps" class="full">
      <h1>Sweeps</h1>
      <dl class="facts">
        <div><dt>Workers joined</dt><dd>{polled.data ? polled.data.joined_workers : "–"}</dd></div>
        <div><dt>Coordinator</dt><dd>{store.data ? (store.data.coordinator ? "at work" : "not in this server: results are only shown") : "–"}</dd></div>
        <div><dt>Last written</dt><dd>{time(store.data?.written_ms)}</dd></div>
        <div><dt>Database</dt><dd>{store.data ? bytes(store.data.database_bytes) : "–"}</dd></div>
        <div><dt>Free disk space</dt><dd class={low ? "bad" : undefined}>{store.data?.free_bytes ? bytes(store.data.free_bytes) : "–"}{low && ": nothing more can be recorded soon"}</dd></div>
      </dl>
      {control && polled.data?.sweeps.some(atWork) && <NoWorkers />}
      <Shown polled={polled} rows={8}>
        {({ sweeps }) => {
          if (sweeps.length === 0) {
            return (
              <Empty title="No sweeps yet">
                {control ? (
                  <p>
                    <a href={to(["new"])}>Submit one</a> here, or with <code>medley submit SWEEP.yaml</code> in a shell.
                  </p>
                ) : (
                  <p>
                    Run one with <code>medley run SWEEP.yaml</code>. It appears here as soon as it is submitted.
                  </p>
                )}
              </Empty>
            );
          }
          const shown = sweeps.filter((sweep) => fits(sweep, query));
          const archived = sweeps.filter((sweep) => sweep.archived).length;
          const tags = [...new Set(sweeps.flatMap((sweep) => sweep.tags))].sort();
          const states = [...new Set(sweeps.map((sweep) => sweep.state))].sort();
          return (
            <>
              <div class="bar">
                <label>
                  <span class="hidden">Search</span>
                  <input type="search" placeholder="Search names, notes, tags" value={query.get("search") ?? ""} onInput={(event) => set({ search: event.currentTarget.value || null }, "replace")} />
                </label>
                <Choices label="State" values={states.map((one) => [one, one])} wanted={parts(query, "state")} set={(state) => set({ state })} />
                {tags.length > 0 && <Choices label="Tags" values={tags.map((one) => [one, one])} wanted={parts(query, "tag")} set={(tag) => set({ tag })} />}
                {archived > 0 && (
                  <label class="check">
                    <input type="checkbox" checked={query.get("archived") === "1"} onChange={(event) => set({ archived: event.currentTarget.checked ? "1" : null })} />
                    {count(archived)} archived
                  </label>
                )}
              </div>
              {shown.length === 0 ? (
                <Empty title="No sweep fits these choices"><p><a href={to([])}>Show all {count(sweeps.length)}</a></p></Empty>
              ) : (
                <Table
                  label="Table of sweeps"
                  class="sweeps"
                  columns={columns(sweeps, ticked, tick, control && hasToken() ? polled.again : null)}
                  rows={shown}
                  id={(sweep) => sweep.id}
                  groups={{ "paper-style": kPaperNote }}
                />
              )}
              {ticked.length > 0 && (
                <div class="tray" role="status">
                  <span>{ticked.length} of at most {kMostTicked} ticked{ticked.length === 1 && "; tick one more for a table over sweeps"}</span>
                  {ticked.length > 1 && <a class="primary" href={to(["across"], { sweeps: ticked.join("|") })}>One table over them</a>}
                  <button type="button" class="quiet" onClick={() => set({ ticked: null }, "replace")}>Tick none</button>
                </div>
              )}
            </>
          );
        }}
      </Shown>
    </section>
  );
}

function columns(all: ListedSweep[], ticked: string[], tick: (id: string) => void, again: (() => void) | null): TableColumn<ListedSweep>[] {
  return [
    {
      id: "tick",
      head: "Tick",
      kind: "lead",
      cell: (sweep) => (
        <input type="checkbox" aria-label={`Tick ${sweep.name}`} checked={ticked.includes(sweep.id)} disabled={!ticked.includes(sweep.id) && ticked.length >= kMostTicked} onChange={() => tick(sweep.id)} />
      ),
    },
    {
      id: "name",
      head: "Sweep",
      names: true,
      cell: (sweep) => (
        <>
          <a href={to(["sweep", sweep.id])}><Name of={sweep.name || sweep.id} most={32} /></a>
          <span class="id">{sweep.id} · {time(sweep.created_ms)}</span>
          {(sweep.archived || sweep.tags.length > 0) && (
            <div class="small">{[...sweep.tags.map((tag) => `#${tag}`), ...(sweep.archived ? ["archived"] : [])].join(" ")}</div>
          )}
          {(sweep.note || sweep.description) && <div class="small about" title={sweep.description}>{sweep.note || sweep.description}</div>}
        </>
      ),
    },
    { id: "dataset", head: "Dataset", cell: (sweep) => <DatasetName dataset={sweep.dataset} /> },
    { id: "state", head: "State", cell: (sweep) => <><Tag kind={sweep.state}>{sweep.state}</Tag><Queue sweep={sweep} all={all} /></> },
    {
      id: "trials",
      head: "Trials",
      class: "progress-cell",
      cell: (sweep) => (
        <>
          <Progress sweep={sweep} />
          <span class="number small">
            {count(sweep.trials.finished)} / {count(sweep.trials.total)}
            {sweep.trials.running > 0 && ` · ${sweep.trials.running} running`}
            {sweep.trials.failed > 0 && <span class="bad"> · {sweep.trials.failed} failed</span>}
            {sweep.state === "running" && sweep.eta_seconds !== null && ` · ${duration(sweep.eta_seconds)} left`}
          </span>
        </>
      ),
    },
    {
      id: "best",
      head: "Best config’s Score",
      kind: "number",
      note: "Of the first config of the leaderboard, with its 95 % interval.",
      cell: ({ best }) =>
        best ? (
          <span title={best.name} class={best.complete ? undefined : "none"}>
            <strong>{share(best.score)}</strong> <span class="small">[{share(best.low)}, {share(best.high)}]</span>
            {best.protocol === "paper" && <span class="protocol">paper-style</span>}
          </span>
        ) : "–",
    },
    { id: "spark", head: "Best so far", note: "Best Score of a config whose runs had all ended, by time.", cell: (sweep) => <Spark best={sweep.best_so_far} /> },
    { id: "paper", head: "Best trial", group: "paper-style", kind: "number", cell: (sweep) => share(sweep.best_paper_score) },
    ...(again ? [{ id: "edit", head: "Edit", kind: "lead" as const, cell: (sweep: ListedSweep) => <SweepEdit sweep={sweep} again={again} /> }] : []),
  ];
}

/** Sweeps of one priority share the workers; those of a higher one come first. */
function Queue({ sweep, all }: { sweep: Sweep; all: Sweep[] }) {
  const waiting = all.filter(atWork);
  const before = waiting.filter((one) => one.priority > sweep.priority).length;
  const beside = waiting.filter((one) => one.priority === sweep.priority).length - 1;
  const place = atWork(sweep) && waiting.length > 1 ? `place ${before + 1} of the queue${beside > 0 ? `, with ${beside} ${beside === 1 ? "other" : "others"}` : ""}` : "";
  const text = [place, ...(sweep.priority !== 0 ? [`priority ${sweep.priority}`] : [])].filter(Boolean).join(", ");
  return text ? <span class="under">{text}</span> : null;
}

/** Evenly spaced in time. */
function Spark({ best }: { best: number[] }) {
  if (best.length < 2) return <span class="none">–</span>;
  const [low, high] = [best[0]!, best[best.length - 1]!];
  const x = (i: number) => 1 + ((kSpark.width - 2) * i) / (best.length - 1);
  const y = (value: number) => 2 + ((kSpark.height - 4) * (high - value)) / Math.max(1e-9, high - low);
  const points = best.flatMap((value, i) => [...(i > 0 ? [`${x(i).toFixed(1)},${y(best[i - 1]!).toFixed(1)}`] : []), `${x(i).toFixed(1)},${y(value).toFixed(1)}`]);
  return (
    <svg class="spark" {...kSpark} role="img" aria-label={`Best Score so far by time, from ${share(low)} to ${share(high)}`}>
      <polyline points={points.join(" ")} />
    </svg>
  );
}

/** Name, note, tags, priority, archived: of the store, not of the sweep file. */
export function SweepEdit({ sweep, again }: { sweep: Sweep; again: () => void }) {
  const [said, setSaid] = useState<{ text: string; failed: boolean } | null>(null);
  const save = async (what: Record<string, unknown>) => {
    try {
      await change(`sweeps/${sweep.id}/mark`, what);
      setSaid({ text: "Saved", failed: false });
      again();
    } catch (failure) {
      setSaid({ text: failure instanceof Refusal ? failure.message : String(failure), failed: true });
    }
  };
  return (
    <Popup label="Edit" about={`Edit ${sweep.name}`}>
      <form
        class="edit"
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          const name = String(form.get("name")).trim();
          void save({
            ...(name !== sweep.name && { name }),
            note: String(form.get("note")).trim(),
            tags: String(form.get("tags")).split(",").map((tag) => tag.trim()).filter(Boolean),
            priority: Number(form.get("priority")),
          });
        }}
      >
        <label class="field">Name <input name="name" defaultValue={sweep.name} maxLength={200} required /></label>
        <label class="field">Note <input name="note" defaultValue={sweep.note} maxLength={2000} /></label>
        <label class="field">Tags <input name="tags" defaultValue={sweep.tags.join(", ")} placeholder="separated by commas" /></label>
        <label class="field">Priority, higher is trained first <input name="priority" type="number" min={-1000} max={1000} step={1} defaultValue={sweep.priority} /></label>
        <p>
          <button type="submit">Save</button>{" "}
          <button type="button" onClick={() => void save({ archived: !sweep.archived })}>{sweep.archived ? "Show in lists again" : "Archive"}</button>{" "}
          {said && <span class={said.failed ? "said said-failed" : "said"} role="status">{said.text}</span>}
        </p>
        {over(sweep) || sweep.state === "stopped" ? (
          <p>
            <Change
              path={`sweeps/${sweep.id}`}
              how="DELETE"
              label="Delete"
              sure={`Delete “${middle(sweep.name, 40)}” with its ${counted(sweep.trials.total, "trial")}`}
              done={() => { go(to([]), "replace"); again(); }}
            />
          </p>
        ) : <p class="small">To delete it, stop it first.</p>}
        <p class="small">Archived sweeps stay in the store. Of a deleted one the results stay, for a sweep that asks for the same trials.</p>
      </form>
    </Popup>
  );
}

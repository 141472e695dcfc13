// Configs of a sweep: filter, sort, choose columns, compare.
import type { ComponentChildren } from "preact";

import type { Leaderboard, LeaderboardRow, Sweep } from "./api";
import { download, hasToken } from "./fetch";
import { Compare, Parallel } from "./compare";
import { Difference, Empty, Interval, Mean, Menu, Pager, Shown, kHeldOutNote, kPaperNote, scoreRange } from "./parts";
import { Marks } from "./marks";
import { usePoll } from "./poll";
import { changed, go, to } from "./route";
import { duration, share, signed } from "./text";

/** Columns that may be shown, and those that are unless the address says otherwise. */
const kColumns: [string, string][] = [
  ["trials", "Trials"],
  ["paper", "Paper-style"],
  ["held_out", "Held-out"],
  ["intervals", "95 % intervals"],
  ["optimism", "Optimism"],
  ["difference", "Difference"],
  ["time", "Time a trial"],
];
const kStandard = ["trials", "paper", "held_out", "difference"];
const kMostCompared = 10;

/** The leaderboard's own parameters of an address, as the API takes them. */
export function boardQuery(query: URLSearchParams, extra: Record<string, string> = {}): string {
  const asked = new URLSearchParams(extra);
  for (const [name, value] of query) {
    const known = ["order", "reverse", "search", "complete", "reference", "offset", "tag"].includes(name) || name.startsWith("where.");
    if (known && !asked.has(name)) asked.set(name, value);
  }
  return asked.toString();
}

export function LeaderboardTab({ sweep, query, control }: { sweep: Sweep; query: URLSearchParams; control: boolean }) {
  const here = ["sweep", sweep.id, "leaderboard"];
  const view = query.get("view") ?? "table";
  const asked = view === "parallel" ? boardQuery(query, { offset: "0", limit: "1000" }) : boardQuery(query);
  const polled = usePoll<Leaderboard>(`sweeps/${sweep.id}/leaderboard?${asked}`, 5);
  const chosen = (query.get("selected") ?? "").split("|").filter(Boolean);
  const order = Object.fromEntries([...query].filter(([name]) => name === "order" || name === "reverse"));
  const set = (changes: Record<string, string | null>, how: "push" | "replace" = "push") =>
    go(to(here, changed(query, { offset: null, ...changes })), how);
  const select = (config: string, on: boolean) => {
    const next = on ? [...chosen, config] : chosen.filter((one) => one !== config);
    go(to(here, changed(query, { selected: next.slice(0, kMostCompared).join("|") })));
  };
  return (
    <section aria-label="Leaderboard">
      <div class="bar">
        <label>
          <span class="hidden">Search</span>
          <input
            type="search"
            placeholder="Search values or ids"
            value={query.get("search") ?? ""}
            onInput={(event) => set({ search: event.currentTarget.value }, "replace")}
          />
        </label>
        {polled.data && <AxisFilters board={polled.data} query={query} set={set} />}
        {polled.data && <TagFilter board={polled.data} query={query} set={set} />}
        <label class="check">
          <input type="checkbox" checked={query.get("complete") === "1"} onChange={(event) => set({ complete: event.currentTarget.checked ? "1" : null })} />
          complete only
        </label>
        <Columns query={query} set={set} />
        <div class="choice" role="group" aria-label="View">
          {[["table", "Table"], ["parallel", "Parallel coordinates"]].map(([name, label]) => (
            <button key={name} type="button" aria-pressed={view === name} onClick={() => set({ view: name === "table" ? null : name! })}>
              {label}
            </button>
          ))}
        </div>
        <button type="button" class="right" onClick={() => void download(`sweeps/${sweep.id}/leaderboard.csv?${boardQuery(query, { offset: "0" })}`, `${sweep.id}-leaderboard.csv`)}>
          Download CSV
        </button>
      </div>
      {chosen.length > 0 && (
        <div class="bar bar-chosen">
          <span>
            {chosen.length} of at most {kMostCompared} chosen to compare{chosen.length === 1 && "; choose one more"}
          </span>
          <a href={to(here, changed(query, { selected: null }))}>Choose none</a>
        </div>
      )}
      {chosen.length > 1 && <Compare sweep={sweep.id} configs={chosen} reference={query.get("reference")} order={order} />}
      <Shown polled={polled} rows={12}>
        {(board) => {
          if (board.rows.length === 0) {
            return (
              <Empty title="No config fits these choices">
                <p>
                  The sweep has {board.configs} configs. <a href={to(here)}>Show all of them</a>
                </p>
              </Empty>
            );
          }
          if (view === "parallel") return <Parallel sweep={sweep.id} board={board} />;
          return (
            <>
              <Table board={board} sweep={sweep} query={query} chosen={chosen} select={select} set={set} again={control && hasToken() ? polled.again : null} />
              <Pager
                offset={board.offset}
                shown={board.rows.length}
                total={board.total}
                link={(next) => to(here, changed(query, { offset: next }))}
              />
              <Notes board={board} />
            </>
          );
        }}
      </Shown>
    </section>
  );
}

type Set = (changes: Record<string, string | null>, how?: "push" | "replace") => void;

function AxisFilters({ board, query, set }: { board: Leaderboard; query: URLSearchParams; set: Set }) {
  return (
    <>
      {board.axes.map((axis) => {
        const values = board.axis_values[axis] ?? [];
        if (values.length < 2) return null;
        const name = `where.${axis}`;
        const wanted = (query.get(name) ?? "").split("|").filter(Boolean);
        const toggle = (value: string) =>
          set({ [name]: (wanted.includes(value) ? wanted.filter((one) => one !== value) : [...wanted, value]).join("|") || null });
        return (
          <Menu key={axis} label={wanted.length ? `${axis}: ${wanted.length} of ${values.length}` : axis} marked={wanted.length > 0}>
            {wanted.length > 0 && (
              <button type="button" class="quiet" onClick={() => set({ [name]: null })}>
                Any value
              </button>
            )}
            {values.map(({ value, text }) => (
              <label key={value} class="check">
                <input type="checkbox" checked={wanted.includes(value)} onChange={() => toggle(value)} />
                {text}
              </label>
            ))}
          </Menu>
        );
      })}
    </>
  );
}

function TagFilter({ board, query, set }: { board: Leaderboard; query: URLSearchParams; set: Set }) {
  const wanted = (query.get("tag") ?? "").split("|").filter(Boolean);
  const tags = [...new Set([...board.tags, ...wanted])].sort();
  if (tags.length === 0) return null;
  return (
    <Menu label={wanted.length ? `Tags: ${wanted.join(", ")}` : "Tags"} marked={wanted.length > 0}>
      {tags.map((tag) => (
        <label key={tag} class="check">
          <input
            type="checkbox"
            checked={wanted.includes(tag)}
            onChange={() => set({ tag: (wanted.includes(tag) ? wanted.filter((one) => one !== tag) : [...wanted, tag]).join("|") || null })}
          />
          {tag}
        </label>
      ))}
    </Menu>
  );
}

function shownColumns(query: URLSearchParams): string[] {
  const asked = query.get("columns");
  return asked === null ? kStandard : asked.split("|");
}

function Columns({ query, set }: { query: URLSearchParams; set: Set }) {
  const shown = shownColumns(query);
  return (
    <Menu label="Columns">
      {kColumns.map(([name, label]) => (
        <label key={name} class="check">
          <input
            type="checkbox"
            checked={shown.includes(name)}
            onChange={() => {
              const next = kColumns.map(([column]) => column).filter((column) => (column === name) !== shown.includes(column));
              set({ columns: next.join("|") === kStandard.join("|") ? null : next.join("|") || "none", offset: query.get("offset") });
            }}
          />
          {label}
        </label>
      ))}
    </Menu>
  );
}

/** A column's head that sorts by it; again: the other way round; again: by rank. */
function Sort({ name, query, set, children, ...rest }: { name: string; query: URLSearchParams; set: Set; children: ComponentChildren; class?: string; title?: string }) {
  const order = query.get("order") ?? "ranked";
  const reversed = query.get("reverse") === "1";
  const state = order !== name ? "none" : reversed === name.startsWith("axis.") ? "descending" : "ascending";
  const next = order !== name ? { order: name, reverse: null } : reversed ? { order: null, reverse: null } : { order: name, reverse: "1" };
  return (
    <th scope="col" aria-sort={order === name ? state as "ascending" | "descending" : "none"} {...rest}>
      <button type="button" class="sort" onClick={() => set(next)}>
        {children}
        <span class="arrow" aria-hidden="true">{order === name ? (state === "descending" ? " ↓" : " ↑") : ""}</span>
      </button>
    </th>
  );
}

function Ends({ of }: { of: [number | null, number | null] | undefined }) {
  if (!of || of[0] === null || of[1] === null) return <span class="none">–</span>;
  return <span class="small">[{share(of[0])}, {share(of[1])}]</span>;
}

function Table({ board, sweep, query, chosen, select, set, again }: {
  board: Leaderboard;
  sweep: Sweep;
  query: URLSearchParams;
  chosen: string[];
  select: (config: string, on: boolean) => void;
  set: Set;
  /** After a change; null where nothing can be changed. */
  again: (() => void) | null;
}) {
  const shown = shownColumns(query);
  const has = (name: string) => shown.includes(name);
  const [low, high] = scoreRange(board.rows.flatMap((row) => [row.paper, row.held_out]));
  const axes = board.axes.length ? board.axes : [""];
  const reference = board.rows.find((row) => row.config === board.reference);
  const protocolSpan = has("intervals") ? 5 : 4;
  const heads = (protocol: "paper" | "held_out") => (
    <>
      <Sort name={`${protocol}_presence`} query={query} set={set} class="number first">ACC_P</Sort>
      <Sort name={`${protocol}_salience`} query={query} set={set} class="number">ACC_S</Sort>
      <Sort name={`${protocol}_score`} query={query} set={set} class="number">Score</Sort>
      {has("intervals") && <th scope="col" class="number" title="95 %; corrected resampled t, folds as blocks">interval</th>}
      <th scope="col" class="interval-cell"><span class="hidden">Score, drawn</span></th>
    </>
  );
  const cells = (row: LeaderboardRow, protocol: "paper" | "held_out") => (
    <>
      <td class="number first"><Mean of={row[protocol]} name="acc_presence" incomplete={!row.complete} /></td>
      <td class="number"><Mean of={row[protocol]} name="acc_salience" incomplete={!row.complete} /></td>
      <td class="number strong"><Mean of={row[protocol]} name="score" incomplete={!row.complete} /></td>
      {has("intervals") && <td class="number"><Ends of={row[protocol]?.interval} /></td>}
      <td class="interval-cell"><Interval of={row[protocol]} low={low} high={high} heldOut={protocol === "held_out"} /></td>
    </>
  );
  return (
    <div class="scroll">
      <table class="wide board">
        <thead>
          <tr class="groups">
            <td colSpan={2 + axes.length + (has("trials") ? 1 : 0)} />
            {has("paper") && <th scope="colgroup" colSpan={protocolSpan} class="first" title={kPaperNote}>paper-style <span>optimistic</span></th>}
            {has("held_out") && <th scope="colgroup" colSpan={protocolSpan} class="first" title={kHeldOutNote}>held-out</th>}
            {(has("optimism") || has("difference") || has("time")) && <td colSpan={3} />}
          </tr>
          <tr>
            <th scope="col"><span class="hidden">Compare</span></th>
            <Sort name="ranked" query={query} set={set} class="number">#</Sort>
            {axes.map((axis) => (axis ? <Sort key={axis} name={`axis.${axis}`} query={query} set={set}>{axis}</Sort> : <th scope="col" key="">Config</th>))}
            {has("trials") && <th scope="col" class="number">Trials</th>}
            {has("paper") && heads("paper")}
            {has("held_out") && heads("held_out")}
            {has("optimism") && <Sort name="optimism" query={query} set={set} class="number" title="Paper-style Score less held-out Score">Optimism</Sort>}
            {has("difference") && (
              <Sort name="difference" query={query} set={set} class="first" title={`Paired ${board.compared} Scores`}>
                Difference to {reference ? (reference.rank === 1 ? "rank 1" : `#${reference.rank}`) : "reference"}
              </Sort>
            )}
            {has("time") && <Sort name="mean_seconds" query={query} set={set} class="number">Time a trial</Sort>}
          </tr>
        </thead>
        <tbody>
          {board.rows.map((row) => (
            <tr key={row.config} class={row.complete ? undefined : "incomplete"}>
              <td>
                <input
                  type="checkbox"
                  aria-label={`Compare ${row.name}`}
                  checked={chosen.includes(row.config)}
                  disabled={!chosen.includes(row.config) && chosen.length >= kMostCompared}
                  onChange={(event) => select(row.config, event.currentTarget.checked)}
                />
              </td>
              <td class="number">{row.rank}</td>
              {axes.map((axis, i) => {
                const text = axis ? row.axis_texts[axis] || "–" : row.config;
                return i === 0 ? (
                  <th scope="row" key={axis}>
                    <a href={to(["sweep", sweep.id, "trials"], { config: row.config })} title={`trials of config ${row.config}`}>{text}</a>
                    <Marks row={row} again={again} />
                  </th>
                ) : (
                  <td key={axis}>{text}</td>
                );
              })}
              {has("trials") && (
                <td class="number">
                  {row.finished}/{row.expected}
                  {row.failed > 0 && <span class="bad small"> {row.failed} failed</span>}
                  {row.diverged > 0 && <span class="warn small"> {row.diverged} diverged</span>}
                  {row.transductive && (
                    <span class="small" title="Transductive: training read unlabelled features of clips that it is scored on.">
                      {" "}‡
                    </span>
                  )}
                </td>
              )}
              {has("paper") && cells(row, "paper")}
              {has("held_out") && cells(row, "held_out")}
              {has("optimism") && <td class="number">{signed(row.optimism)}</td>}
              {has("difference") && (
                <td class="first tabular">
                  {row.config === board.reference ? (
                    <span class="small">the reference</span>
                  ) : (
                    <>
                      <Difference of={row.against_reference} />{" "}
                      <button type="button" class="quiet row-action" title={`Compare every config with ${row.name}`} onClick={() => set({ reference: row.config, offset: query.get("offset") })}>
                        make reference
                      </button>
                    </>
                  )}
                </td>
              )}
              {has("time") && <td class="number">{duration(row.mean_seconds)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Notes({ board }: { board: Leaderboard }) {
  return (
    <p class="legend">
      {kPaperNote} Mean ± SD over folds and seeds. {kHeldOutNote} Hits pooled over the folds of a seed; mean ± SD over seeds.
      {` Difference: mean of the paired ${board.compared === "held-out" ? "held-out" : "paper-style"} Scores of runs minus those of the reference; corrected resampled t-test at 95 %, folds as blocks.`}{" "}
      Drawn: mean with its 95 % interval. Grey rows lack trials, so their means are not to be compared with complete ones.
      {board.rows.some((row) => row.transductive) && " ‡ Transductive: training read unlabelled features of clips that it is scored on."}
    </p>
  );
}

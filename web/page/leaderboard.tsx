// Configs of a sweep: filter, sort, choose columns, compare.
import type { ComponentChildren } from "preact";

import type { Column, Leaderboard, LeaderboardRow, Sweep } from "./api";
import { download, hasToken } from "./fetch";
import { Compare, Parallel } from "./compare";
import { Difference, Empty, Interval, Menu, Pager, Shown, columnName, scoreRange } from "./parts";
import { Marks } from "./marks";
import { usePoll } from "./poll";
import { changed, go, to } from "./route";
import { count } from "./text";

const kMostCompared = 10;
const kTransductive = "Transductive: training read unlabelled features of clips that it is scored on.";

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
        {polled.data && <Columns board={polled.data} query={query} set={set} />}
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
              {board.failures.map(({ reason, trials }) => (
                <p key={reason} class="bad">{count(trials)} {trials === 1 ? "trial" : "trials"} failed: {reason}</p>
              ))}
              <Table board={board} sweep={sweep} query={query} chosen={chosen} select={select} set={set} again={control && hasToken() ? polled.again : null} />
              <Pager
                offset={board.offset}
                shown={board.rows.length}
                total={board.total}
                link={(next) => to(here, changed(query, { offset: next }))}
              />
              <Notes board={board} query={query} />
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

/** As the address says, or else as the API does. */
function shownColumns(board: Leaderboard, query: URLSearchParams): Column[] {
  const asked = query.get("columns")?.split("|");
  return board.columns.filter((column) => (asked ? asked.includes(column.id) : column.shown === "default"));
}

function Columns({ board, query, set }: { board: Leaderboard; query: URLSearchParams; set: Set }) {
  const shown = shownColumns(board, query);
  const standard = board.columns.filter((column) => column.shown === "default");
  const ids = (columns: Column[]) => columns.map((column) => column.id).join("|");
  return (
    <Menu label="Columns">
      {board.columns.map((column) => (
        <label key={column.id} class="check" title={column.note}>
          <input
            type="checkbox"
            checked={shown.includes(column)}
            onChange={() => {
              const next = board.columns.filter((one) => (one === column) !== shown.includes(one));
              set({ columns: ids(next) === ids(standard) ? null : ids(next) || "none", offset: query.get("offset") });
            }}
          />
          {columnName(column)}
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

/** The ends of an interval column, as Interval draws them: both are as far from the mean. */
function drawn(row: LeaderboardRow, column: Column) {
  const [low, high] = column.numbers.map((name) => row.values[name] ?? null);
  if (low == null || high == null) return null;
  return { mean: (low + high) / 2, low, high };
}

/** Columns that share a head: [group, how many]. */
function groupsOf(columns: Column[]): [string, number][] {
  const groups: [string, number][] = [];
  for (const { group } of columns) {
    const last = groups[groups.length - 1];
    if (last?.[0] === group) ++last[1];
    else groups.push([group, 1]);
  }
  return groups;
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
  const columns = shownColumns(board, query);
  const intervals = columns.filter((column) => column.interval);
  const [low, high] = scoreRange(board.rows.flatMap((row) => intervals.map((column) => drawn(row, column))));
  const axes = board.axes.length ? board.axes : [""];
  const first = (i: number) => i > 0 && columns[i]!.group !== columns[i - 1]!.group;
  const kind = (i: number) => `${columns[i]!.id === "difference" ? "tabular" : "number"}${first(i) ? " first" : ""}`;
  const cell = (row: LeaderboardRow, column: Column) => {
    const text = row.texts[column.id]!;
    if (column.id === "difference") {
      if (row.config === board.reference) return <span class="small">the reference</span>;
      return (
        <>
          <Difference of={row.against_reference} />{" "}
          <button type="button" class="quiet row-action" title={`Compare every config with ${row.name}`} onClick={() => set({ reference: row.config, offset: query.get("offset") })}>
            make reference
          </button>
        </>
      );
    }
    if (text === "-") return <span class="none" title={column.group === "held-out" ? row.no_held_out : undefined}>–</span>;
    if (column.interval) {
      return <><Interval of={drawn(row, column)} low={low} high={high} heldOut={column.group === "held-out"} /><span class="small">{text}</span></>;
    }
    return (
      <>
        {text}
        {column.id === "runs" && row.failed > 0 && <span class="bad small"> {row.failed} failed</span>}
        {column.id === "runs" && row.transductive && <span class="small" title={kTransductive}> ‡</span>}
      </>
    );
  };
  return (
    <div class="scroll">
      <table class="wide board">
        <thead>
          <tr class="groups">
            <td colSpan={2 + axes.length} />
            {groupsOf(columns).map(([group, span], i) =>
              group ? <th key={i} scope="colgroup" colSpan={span} class="first" title={board.groups[group]}>{group}{group === "paper-style" && <span> optimistic</span>}</th> : <td key={i} colSpan={span} />,
            )}
          </tr>
          <tr>
            <th scope="col"><span class="hidden">Compare</span></th>
            <Sort name="ranked" query={query} set={set} class="number">#</Sort>
            {axes.map((axis) => (axis ? <Sort key={axis} name={`axis.${axis}`} query={query} set={set}>{axis}</Sort> : <th scope="col" key="">Config</th>))}
            {columns.map((column, i) => (
              <Sort key={column.id} name={column.numbers[0]!} query={query} set={set} class={kind(i)} title={column.note}>{column.heading}</Sort>
            ))}
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
              <td class="number">{row.rank ?? "–"}</td>
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
              {columns.map((column, i) => (
                <td key={column.id} class={`${kind(i)}${column.interval ? " column-interval" : ""}${row.complete ? "" : " mean-incomplete"}`}>{cell(row, column)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Notes({ board, query }: { board: Leaderboard; query: URLSearchParams }) {
  const columns = shownColumns(board, query);
  const notes = new Set([...columns.map((column) => board.groups[column.group] ?? ""), ...columns.map((column) => column.note)]);
  notes.delete("");
  return (
    <ul class="legend notes">
      {[...notes].map((note) => <li key={note}>{note}</li>)}
      <li>Grey rows lack runs, so their means are not comparable with those of complete rows.</li>
      {board.rows.some((row) => row.transductive) && <li>‡ {kTransductive}</li>}
      {board.arithmetics_note && <li>{board.arithmetics_note}</li>}
    </ul>
  );
}

// Which configs of a sweep are shown, as the address says it: the table and Explore share it.
import type { ComponentChildren } from "preact";

import type { Leaderboard } from "./api";
import { Menu, columnName } from "./parts";
import { changed, go, to } from "./route";
import { Name } from "./table";
import { middle } from "./text";

const kWhere = "where.";
export const kBetween = "between.";
const kMostListed = 12;  // values of a numeric axis that are ticked one by one

export type Set = (changes: Record<string, string | null>, how?: "push" | "replace") => void;

const chooses = (name: string) => ["search", "complete", "tag"].includes(name) || name.startsWith(kWhere) || name.startsWith(kBetween);

/** The choice alone, for another page of the same configs. */
export const choiceOf = (query: URLSearchParams): Record<string, string> => Object.fromEntries([...query].filter(([name]) => chooses(name)));

/** What the leaderboard of the API is asked, of an address. */
export function boardQuery(query: URLSearchParams, extra: Record<string, string> = {}): string {
  const asked = new URLSearchParams(extra);
  for (const [name, value] of query) {
    if ((chooses(name) || ["order", "reverse", "reference", "offset"].includes(name)) && !asked.has(name)) asked.set(name, value);
  }
  return asked.toString();
}

/** All of its values are numbers (but "-": where it plays no part). */
export function isNumeric(board: Leaderboard, axis: string): boolean {
  const values = (board.axis_values[axis] ?? []).filter(({ value }) => value !== "-");
  return values.length > 0 && values.every(({ value }) => value !== "" && Number.isFinite(Number(value)));
}

/** `here`: the parts of the address of the page. */
export function Filters({ board, query, here }: { board: Leaderboard | null; query: URLSearchParams; here: string[] }) {
  const set: Set = (changes, how = "push") => go(to(here, changed(query, { offset: null, ...changes })), how);
  return (
    <>
      <label>
        <span class="hidden">Search</span>
        <input
          type="search"
          placeholder="Search values or ids"
          value={query.get("search") ?? ""}
          onInput={(event) => set({ search: event.currentTarget.value }, "replace")}
        />
      </label>
      {board && <AxisFilters board={board} query={query} set={set} />}
      {board && <TagFilter board={board} query={query} set={set} />}
      <label class="check">
        <input type="checkbox" checked={query.get("complete") === "1"} onChange={(event) => set({ complete: event.currentTarget.checked ? "1" : null })} />
        complete only
      </label>
      {board && <Ranges board={board} query={query} set={set} />}
    </>
  );
}

function AxisFilters({ board, query, set }: { board: Leaderboard; query: URLSearchParams; set: Set }) {
  return (
    <>
      {board.axes.map((axis) => {
        const values = board.axis_values[axis] ?? [];
        if (values.length < 2) return null;
        const name = kWhere + axis;
        const wanted = (query.get(name) ?? "").split("|").filter(Boolean);
        if (wanted.length === 0 && values.length > kMostListed && isNumeric(board, axis)) {
          return <Menu key={axis} label={<Name of={axis} />} marked={query.has(kBetween + axis)}><Range name={axis} query={query} set={set} /></Menu>;
        }
        return (
          <Choices
            key={axis}
            label={<><Name of={axis} />{wanted.length > 0 && `: ${wanted.length} of ${values.length}`}</>}
            values={values.map(({ value, text }) => [value, text])}
            wanted={wanted}
            set={(next) => set({ [name]: next })}
          />
        );
      })}
    </>
  );
}

const endsOf = (query: URLSearchParams, name: string) => (query.get(kBetween + name) ?? "..").split("..") as [string, string];

function Range({ name, query, set }: { name: string; query: URLSearchParams; set: Set }) {
  const [low, high] = endsOf(query, name);
  const change = (ends: [string, string]) => set({ [kBetween + name]: ends.join("..") === ".." ? null : ends.join("..") });
  return (
    <>
      <label>from <input type="number" step="any" value={low} onChange={(event) => change([event.currentTarget.value, high])} /></label>
      <label>to <input type="number" step="any" value={high} onChange={(event) => change([low, event.currentTarget.value])} /></label>
    </>
  );
}

/** Each range that is chosen, and a button that takes it away. */
function Ranges({ board, query, set }: { board: Leaderboard; query: URLSearchParams; set: Set }) {
  const heads = new Map(board.columns.flatMap((column) => column.numbers.slice(0, 1).map((number) => [number, columnName(column)])));
  const names = [...query.keys()].filter((name) => name.startsWith(kBetween)).map((name) => name.slice(kBetween.length));
  return (
    <>
      {names.map((name) => {
        const [low, high] = endsOf(query, name);
        const text = `${heads.get(name) ?? middle(name, 32)} ${low && high ? `${low} to ${high}` : low ? `from ${low}` : `to ${high}`}`;
        return <button key={name} type="button" class="marked" aria-label={`Any ${name}`} title="Take this choice away" onClick={() => set({ [kBetween + name]: null })}>{text} ✕</button>;
      })}
    </>
  );
}

function TagFilter({ board, query, set }: { board: Leaderboard; query: URLSearchParams; set: Set }) {
  const wanted = (query.get("tag") ?? "").split("|").filter(Boolean);
  const tags = [...new Set([...board.tags, ...wanted])].sort();
  if (tags.length === 0) return null;
  return <Choices label={wanted.length ? `Tags: ${wanted.join(", ")}` : "Tags"} values={tags.map((tag) => [tag, tag])} wanted={wanted} set={(tag) => set({ tag })} />;
}

/** Values to tick, as the address has them: separated by |; null: any. */
export function Choices({ label, values, wanted, set }: { label: ComponentChildren; values: [value: string, text: string][]; wanted: string[]; set: (next: string | null) => void }) {
  const toggle = (value: string) => set((wanted.includes(value) ? wanted.filter((one) => one !== value) : [...wanted, value]).join("|") || null);
  return (
    <Menu label={label} marked={wanted.length > 0}>
      {wanted.length > 0 && <button type="button" class="quiet" onClick={() => set(null)}>Any value</button>}
      {values.map(([value, text]) => (
        <label key={value} class="check">
          <input type="checkbox" checked={wanted.includes(value)} onChange={() => toggle(value)} />
          <Name of={text} />
        </label>
      ))}
    </Menu>
  );
}

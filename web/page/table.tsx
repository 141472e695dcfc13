// The one table of the page: a head that stays, a name that stays, columns that sort and explain themselves, cards on a
// phone.
import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";

import { middle } from "./text";

export interface TableColumn<Row> {
  id: string;
  head: string;
  cell: (row: Row) => ComponentChildren;
  group?: string;
  /** What its numbers are: a popover on the head. */
  note?: string;
  /** Drawn under the head: the scale of what its rows draw. */
  under?: ComponentChildren;
  kind?: "number" | "text" | "drawn" | "lead";
  /** Of its cells, beside that of their kind. */
  class?: string;
  /** Name of the row: its cells are row heads and stay in sight. */
  names?: boolean;
  /** What a click on the head sorts by. */
  order?: string;
  /** Smallest first, where nothing else is chosen. */
  ascending?: boolean;
}

export interface Sorting {
  order: string;
  reversed: boolean;
  set: (order: string | null, reversed: boolean) => void;
}

/** A name in at most `most` characters: its middle is left out. */
export function Name({ of, most = 32 }: { of: string; most?: number }) {
  return <span title={middle(of, most) === of ? undefined : of}>{middle(of, most)}</span>;
}

/** A button that opens a box below it, which is made then; Escape and a click elsewhere close it. */
export function Popup({ label, children, class: own, about }: { label: ComponentChildren; children: ComponentChildren; class?: string; about?: string }) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);
  useLayoutEffect(() => {
    if (!open || !button.current || !box.current) return;
    const { left, bottom } = button.current.getBoundingClientRect();
    box.current.style.left = `${Math.max(8, Math.min(left, document.body.clientWidth - box.current.offsetWidth - 8))}px`;
    box.current.style.top = `${Math.max(8, Math.min(bottom + 4, innerHeight - box.current.offsetHeight - 8))}px`;
  }, [open]);
  return (
    <>
      <button ref={button} type="button" class={own} popovertarget={id} aria-label={about}>{label}</button>
      <div ref={box} id={id} popover="auto" class="popover" onToggle={(event) => setOpen((event as unknown as { newState: string }).newState === "open")}>
        {open && children}
      </div>
    </>
  );
}

/** A button that explains. */
export const Note = ({ about, children }: { about: string; children: ComponentChildren }) => (
  <Popup label="?" class="quiet note-button" about={`About ${about}`}>{children}</Popup>
);

/** Scrolls sideways within the page, by the keyboard too. */
export function Scroll({ label, tall, children }: { label: string; tall?: boolean | undefined; children: ComponentChildren }) {
  return <div class={tall ? "scroll tall" : "scroll"} tabIndex={0} role="region" aria-label={label}>{children}</div>;
}

/** Columns that share a head: [group, number of columns]. */
function groupsOf<Row>(columns: TableColumn<Row>[]): [string, number][] {
  const groups: [string, number][] = [];
  for (const { group = "" } of columns) {
    const last = groups[groups.length - 1];
    if (last?.[0] === group) ++last[1];
    else groups.push([group, 1]);
  }
  return groups;
}

function Head<Row>({ column, sorting, first }: { column: TableColumn<Row>; sorting: Sorting | undefined; first: boolean }) {
  const { order } = column;
  const chosen = sorting !== undefined && order !== undefined && sorting.order === order;
  const ascending = chosen && sorting.reversed !== (column.ascending ?? false);
  const next = () => {
    if (!chosen) sorting?.set(order!, false);
    else if (sorting.reversed) sorting.set(null, false);
    else sorting.set(order!, true);
  };
  const sorts = sorting && order !== undefined;
  return (
    <th scope="col" class={classOf(column, first)} aria-sort={sorts ? (chosen ? (ascending ? "ascending" : "descending") : "none") : undefined}>
      <span class="head">
        {sorts ? (
          <button type="button" class="sort" onClick={next}>
            {column.head}
            <span class="arrow" aria-hidden="true">{chosen ? (ascending ? " ↑" : " ↓") : ""}</span>
          </button>
        ) : column.kind === "lead" ? <span class="hidden">{column.head}</span> : column.head}
        {column.note && <Note about={column.head}>{column.note}</Note>}
      </span>
      {column.under}
    </th>
  );
}

const classOf = <Row,>({ kind = "text", names, class: own = "" }: TableColumn<Row>, first: boolean) =>
  [kind === "text" ? "" : kind, names ? "names" : "", first ? "first" : "", own].filter(Boolean).join(" ") || undefined;

export function Table<Row>({ label, columns, rows, id, sorting, groups, rowClass, tall, class: own = "" }: {
  label: string;
  class?: string;
  columns: TableColumn<Row>[];
  rows: Row[];
  id: (row: Row) => string;
  sorting?: Sorting | undefined;
  /** How the numbers of each group are taken. */
  groups?: Record<string, string>;
  rowClass?: (row: Row) => string | undefined;
  /** As high as the window, with a head that stays. */
  tall?: boolean;
}) {
  const first = (i: number) => i > 0 && (columns[i]!.group ?? "") !== (columns[i - 1]!.group ?? "");
  return (
    <Scroll label={label} tall={tall}>
      <table class={`wide data stacked ${own}`.trim()}>
        <thead>
          {columns.some((column) => column.group) && (
            <tr class="groups">
              {groupsOf(columns).map(([group, span], i) =>
                group ? (
                  <th key={i} scope="colgroup" colSpan={span} class="first">
                    <span class="head">{group}{group === "paper-style" && <span class="protocol">optimistic</span>}{groups?.[group] && <Note about={group}>{groups[group]}</Note>}</span>
                  </th>
                ) : <td key={i} colSpan={span} />,
              )}
            </tr>
          )}
          <tr>{columns.map((column, i) => <Head key={column.id} column={column} sorting={sorting} first={first(i)} />)}</tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={id(row)} class={rowClass?.(row)}>
              {columns.map((column, i) =>
                column.names ? (
                  <th key={column.id} scope="row" class={classOf(column, first(i))}>{column.cell(row)}</th>
                ) : (
                  <td key={column.id} class={classOf(column, first(i))} data-head={column.kind === "lead" ? undefined : [column.group, column.head].filter(Boolean).join(" ")}>{column.cell(row)}</td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

// Configs of a sweep: filter, sort, choose columns, choose some to compare.
import type { Column, Leaderboard, LeaderboardRow, Sweep } from "./api";
import { download, hasToken } from "./fetch";
import { Filters, boardQuery, choiceOf } from "./filters";
import type { Set } from "./filters";
import { MarkLabels, Pin } from "./marks";
import { Empty, Menu, Pager, Shown, columnName } from "./parts";
import { usePoll } from "./poll";
import { changed, go, to } from "./route";
import { OnScale, Ticks, scaleOf } from "./scale";
import type { Drawn } from "./scale";
import { Name, Table } from "./table";
import type { TableColumn } from "./table";
import { count, valueText } from "./text";

export const kMostCompared = 10;
const kTransductive = "Transductive: training read unlabelled features of clips that it is scored on.";
const kSetting = "setting.";

/** The Score that ranks, with its interval. */
export function rankedScore(board: { ranked_by: string }, row: LeaderboardRow): Drawn {
  const name = board.ranked_by === "held-out" ? "held_out_score" : "paper_score";
  return { mean: row.values[name] ?? null, low: row.values[`${name}_low`] ?? null, high: row.values[`${name}_high`] ?? null };
}

export function LeaderboardTab({ sweep, query, control }: { sweep: Sweep; query: URLSearchParams; control: boolean }) {
  const here = ["sweep", sweep.id, "configs"];
  const polled = usePoll<Leaderboard>(`sweeps/${sweep.id}/leaderboard?${boardQuery(query)}`, 5);
  const chosen = (query.get("selected") ?? "").split("|").filter(Boolean);
  const set: Set = (changes, how = "push") => go(to(here, changed(query, { offset: null, ...changes })), how);
  const select = (config: string, on: boolean) => {
    const next = on ? [...chosen, config] : chosen.filter((one) => one !== config);
    go(to(here, changed(query, { selected: next.slice(0, kMostCompared).join("|") })));
  };
  return (
    <section aria-label="Configs" class="full">
      <div class="bar">
        <Filters board={polled.data} query={query} here={here} />
        {polled.data && <Columns board={polled.data} query={query} set={set} />}
        <a href={to(["sweep", sweep.id, "explore"], choiceOf(query))}>Explore</a>
        <button type="button" class="right" onClick={() => void download(`sweeps/${sweep.id}/leaderboard.csv?${boardQuery(query, { offset: "0" })}`, `${sweep.id}-leaderboard.csv`)}>
          Download CSV
        </button>
      </div>
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
          return (
            <>
              {board.failures.map(({ reason, trials }) => (
                <p key={reason} class="bad">{count(trials)} {trials === 1 ? "trial" : "trials"} failed: {reason}</p>
              ))}
              <Configs board={board} sweep={sweep} query={query} chosen={chosen} select={select} set={set} again={control && hasToken() ? polled.again : null} />
              <Pager
                offset={board.offset}
                shown={board.rows.length}
                total={board.total}
                link={(next) => to(here, changed(query, { offset: next }))}
              />
              {board.rows.some((row) => !row.complete) && <p class="legend">Grey rows lack runs, so their means are not comparable with those of complete rows.</p>}
              {board.rows.some((row) => row.transductive) && <p class="legend">‡ {kTransductive}</p>}
              {board.arithmetics_note && <p class="legend">{board.arithmetics_note}</p>}
            </>
          );
        }}
      </Shown>
      {chosen.length > 0 && (
        <div class="tray" role="status">
          <span>
            {chosen.length} of at most {kMostCompared} chosen{chosen.length === 1 && "; choose one more to compare"}
          </span>
          {chosen.length > 1 && <a class="primary" href={to(["sweep", sweep.id, "compare"], { configs: chosen.join("|"), reference: query.get("reference") })}>Compare</a>}
          <a href={to(here, changed(query, { selected: null }))}>Choose none</a>
        </div>
      )}
    </section>
  );
}

/** A column that can be chosen: one of the API, or a setting. */
interface Choice {
  id: string;
  name: string;
  standard: boolean;
  column: Column | null;
}

/** In the order of the table: the Score that ranks first, then the difference, then the rest as the API lists it. */
function choicesOf(board: Leaderboard): Choice[] {
  const ranking = board.ranked_by === "held-out" ? "held_out_score" : "paper_score";
  const group = board.columns.find((column) => column.id === ranking)?.group;
  const place = (column: Column) =>
    column.id === ranking ? 0 : column.id === "difference" ? 1 : column.group === group ? 2 : column.group === "" ? 3 : 4;
  const settings = [...new Set([...board.axes, ...board.rows.flatMap((row) => Object.keys(row.settings)).sort()])];
  return [
    ...[...board.columns].sort((a, b) => place(a) - place(b)).map((column) => ({
      id: column.id,
      name: columnName(column),
      standard: column.shown === "default" && !column.interval,  // an interval is drawn beside its Score
      column,
    })),
    ...settings.map((name) => ({ id: kSetting + name, name, standard: false, column: null })),
  ];
}

/** As the address says, or else the usual ones. */
function shownOf(board: Leaderboard, query: URLSearchParams): Choice[] {
  const asked = query.get("columns")?.split("|");
  return choicesOf(board).filter((one) => (asked ? asked.includes(one.id) : one.standard));
}

function Columns({ board, query, set }: { board: Leaderboard; query: URLSearchParams; set: Set }) {
  const all = choicesOf(board);
  const shown = new Set(shownOf(board, query).map((one) => one.id));
  const ids = (choices: Choice[]) => choices.map((one) => one.id).join("|");
  return (
    <Menu label="Columns">
      {all.map((one) => (
        <label key={one.id} class="check">
          <input
            type="checkbox"
            checked={shown.has(one.id)}
            onChange={() => {
              const next = all.filter((other) => (other.id === one.id) !== shown.has(other.id));
              set({ columns: ids(next) === ids(all.filter((other) => other.standard)) ? null : ids(next) || "none", offset: query.get("offset") });
            }}
          />
          {one.name}
        </label>
      ))}
    </Menu>
  );
}

const difference = (row: LeaderboardRow): Drawn => row.against_reference ?? { mean: null, low: null, high: null };

function Configs({ board, sweep, query, chosen, select, set, again }: {
  board: Leaderboard;
  sweep: Sweep;
  query: URLSearchParams;
  chosen: string[];
  select: (config: string, on: boolean) => void;
  set: Set;
  /** After a change; null where nothing can be changed. */
  again: (() => void) | null;
}) {
  const scores = (column: Column) => (row: LeaderboardRow): Drawn => {
    const name = column.numbers[0]!;
    return { mean: row.values[name] ?? null, low: row.values[`${name}_low`] ?? null, high: row.values[`${name}_high`] ?? null };
  };
  const drawn = (column: Column): Pick<TableColumn<LeaderboardRow>, "cell" | "under" | "kind"> | null => {
    const versus = column.id === "difference";
    if (!versus && !["held_out_score", "paper_score"].includes(column.id)) return null;
    const of = versus ? difference : scores(column);
    const scale = scaleOf(board.rows.map(of), versus);
    return {
      kind: "drawn",
      under: scale && <Ticks scale={scale} />,
      cell: (row) => {
        if (versus && row.config === board.reference) return <span class="small">the reference</span>;
        return (
          <>
            {scale && of(row).mean !== null
              ? <OnScale of={of(row)} scale={scale} hollow={column.group === "paper-style"} />
              : <span class="none" title={row.no_held_out || undefined}>–</span>}
            {versus && (
              <button type="button" class="quiet row-action" title={`Compare every config with ${row.name}`} onClick={() => set({ reference: row.config, offset: query.get("offset") })}>
                make reference
              </button>
            )}
          </>
        );
      },
    };
  };
  const columns: TableColumn<LeaderboardRow>[] = [
    {
      id: "compare",
      head: "Compare",
      kind: "lead",
      cell: (row) => (
        <input
          type="checkbox"
          aria-label={`Compare ${row.name}`}
          checked={chosen.includes(row.config)}
          disabled={!chosen.includes(row.config) && chosen.length >= kMostCompared}
          onChange={(event) => select(row.config, event.currentTarget.checked)}
        />
      ),
    },
    { id: "rank", head: "#", kind: "number", order: "ranked", ascending: true, cell: (row) => row.rank ?? "–" },
    {
      id: "name",
      head: "Config",
      names: true,
      cell: (row) => (
        <>
          <a href={to(["sweep", sweep.id, "config", row.config])}><Name of={row.name} /></a>
          {row.transductive && <span class="small" title={kTransductive}> ‡</span>}
          <Pin row={row} again={again} />
          <MarkLabels row={row} />
        </>
      ),
    },
    ...shownOf(board, query).map(({ id, name, column }): TableColumn<LeaderboardRow> => {
      if (!column) {
        const axis = board.axes.includes(name);
        return {
          id,
          head: name,
          group: "settings",
          ...(axis && { order: `axis.${name}`, ascending: true }),
          cell: (row) => <Name of={(axis && row.axis_texts[name]) || valueText(row.settings[name])} />,
        };
      }
      return {
        id,
        head: column.heading,
        group: id === "difference" ? (board.compared === "held-out" ? "held-out" : "paper-style") : column.group,
        note: column.note,
        order: column.numbers[0]!,
        kind: "number",
        cell: (row) => {
          const text = row.texts[id]!;
          if (text === "-" || text === "") return <span class="none" title={column.group === "held-out" ? row.no_held_out : undefined}>–</span>;
          return <>{text}{id === "runs" && row.failed > 0 && <span class="bad small"> {row.failed} failed</span>}</>;
        },
        ...drawn(column),
      };
    }),
  ];
  return (
    <Table
      label="Table of configs"
      tall
      columns={columns}
      rows={board.rows}
      id={(row) => row.config}
      groups={board.groups}
      rowClass={(row) => (row.complete ? undefined : "incomplete")}
      sorting={{
        order: query.get("order") ?? "ranked",
        reversed: query.get("reverse") === "1",
        set: (order, reversed) => set({ order: order === "ranked" ? null : order, reverse: reversed ? "1" : null }),
      }}
    />
  );
}

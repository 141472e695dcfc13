// One table over the configs of several sweeps.
import type { Leaderboard, LeaderboardRow, Sweep, SweepList } from "./api";
import { CellTable } from "./cells";
import { rankedScore } from "./leaderboard";
import { Empty, Failed, Shown, Tag } from "./parts";
import { useAll, usePoll } from "./poll";
import { to } from "./route";
import { OnScale, Ticks, scaleOf } from "./scale";
import { Name, Table } from "./table";
import { share } from "./text";
import { useTitle } from "./title";

const kOfEach = 50;  // best configs of a sweep

export function AcrossView({ query }: { query: URLSearchParams }) {
  const ids = (query.get("sweeps") ?? "").split("|").filter(Boolean);
  const polled = usePoll<SweepList>("sweeps", 10);
  useTitle(`Table over ${ids.length} sweeps`);
  return (
    <section aria-label="Table over sweeps" class="full">
      <p class="crumbs"><a href={to([])}>Sweeps</a></p>
      <h1>One table over {ids.length} sweeps</h1>
      <Shown polled={polled} rows={10}>
        {({ sweeps }) => {
          const some = ids.flatMap((id) => sweeps.find((sweep) => sweep.id === id) ?? []);
          if (some.length < 2) return <Empty title="Two sweeps or more are needed"><p>Tick them in the <a href={to([])}>list of sweeps</a>.</p></Empty>;
          return <Loaded sweeps={some} />;
        }}
      </Shown>
    </section>
  );
}

function Loaded({ sweeps }: { sweeps: Sweep[] }) {
  // What stands behind # is not sent: with more results the answer is another one.
  const paths = sweeps.map((sweep) => `sweeps/${sweep.id}/leaderboard?limit=${kOfEach}#${sweep.trials.finished}`);
  const { data, error } = useAll<Leaderboard>(paths);
  if (error) return <Failed error={error} again={() => location.reload()} />;
  const all = sweeps.flatMap((sweep, i) => {
    const board = data.get(paths[i]!);
    return board ? board.rows.filter((row) => rankedScore(board, row).mean !== null).map((row) => ({ sweep, board, row, score: rankedScore(board, row) })) : [];
  });
  // Complete configs first, as everywhere.
  all.sort((a, b) => Number(b.row.complete) - Number(a.row.complete) || b.score.mean! - a.score.mean!);
  const protocols = new Set(all.map(({ board }) => board.ranked_by));
  const datasets = new Set(sweeps.map((sweep) => sweep.dataset.fingerprint));
  const partitions = new Set(sweeps.map((sweep) => `${sweep.partitions.join()} ${sweep.folds.join()}`));
  const apart = [
    ...(datasets.size > 1 ? ["datasets"] : []),
    ...(partitions.size > 1 ? ["folds"] : []),
    ...(protocols.size > 1 ? ["protocols"] : []),
  ];
  const scale = scaleOf(all.map(({ score }) => score));
  const protocol = (board: Leaderboard) => (board.ranked_by === "held-out" ? "held-out" : "paper-style");
  const accuracy = (board: Leaderboard, row: LeaderboardRow, which: string) => share(row.values[`${board.ranked_by === "held-out" ? "held_out" : "paper"}_acc_${which}`]);
  return (
    <>
      {apart.length > 0 && <p class="warn">These sweeps are of different {apart.join(" and ")}: their Scores are not comparable.</p>}
      {data.size < paths.length && <p class="legend">{paths.length - data.size} sweeps are being read.</p>}
      <Table
        label="Configs of all these sweeps"
        tall
        rows={all}
        id={({ sweep, row }) => `${sweep.id} ${row.config}`}
        rowClass={({ row }) => (row.complete ? undefined : "incomplete")}
        columns={[
          { id: "sweep", head: "Sweep", cell: ({ sweep }) => <a href={to(["sweep", sweep.id])}><Name of={sweep.name} /></a> },
          { id: "config", head: "Config", names: true, cell: ({ sweep, row }) => <a href={to(["sweep", sweep.id, "config", row.config])}><Name of={row.name} most={48} /></a> },
          { id: "rank", head: "# in its sweep", kind: "number", cell: ({ row }) => row.rank ?? "–" },
          { id: "score", head: "Score", kind: "drawn", under: scale && <Ticks scale={scale} />, cell: ({ board, score }) => scale && <OnScale of={score} scale={scale} hollow={board.ranked_by !== "held-out"} /> },
          { id: "protocol", head: "Protocol", cell: ({ board }) => (board.ranked_by === "held-out" ? "held-out" : <span class="protocol">paper-style</span>) },
          { id: "presence", head: "ACC_P", kind: "number", cell: ({ board, row }) => accuracy(board, row, "presence") },
          { id: "salience", head: "ACC_S", kind: "number", cell: ({ board, row }) => accuracy(board, row, "salience") },
          { id: "runs", head: "Runs", kind: "number", cell: ({ row }) => row.texts["runs"] ?? "–" },
          { id: "dataset", head: "Dataset", cell: ({ sweep }) => sweep.dataset.name || sweep.dataset.fingerprint.slice(0, 12) },
          { id: "state", head: "State", cell: ({ sweep }) => <Tag kind={sweep.state}>{sweep.state}</Tag> },
        ]}
      />
      <div class="chart">
        <CellTable
          caption={`Best configs of ${sweeps.map((sweep) => sweep.name).join(", ")}`}
          cells={{
            head: ["Config", "Sweep", "Score", "95 % interval", "Protocol", "Runs"],
            rows: all.map(({ sweep, board, row, score }) => [row.name, sweep.name, share(score.mean), `[${share(score.low)}, ${share(score.high)}]`, protocol(board), row.texts["runs"] ?? "–"]),
          }}
        />
      </div>
      <p class="legend">The best {kOfEach} configs of each sweep at most, by the Score that ranks there, with its 95 % interval. Grey rows lack runs.</p>
    </>
  );
}

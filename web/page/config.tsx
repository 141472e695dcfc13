// One config: its Score, every run of it by fold and seed, its curves, what sets it apart, what people noted of it.
import type { ImportanceReport, Leaderboard, LeaderboardRow, Sweep, TrialList, TrialRow } from "./api";
import { Bars } from "./bars";
import { RunCurves } from "./curves";
import { hasToken } from "./fetch";
import { within } from "./importance";
import { LiveRuns } from "./live";
import { MarkForm, MarkLabels, Pin } from "./marks";
import { Empty, Shown, columnName, ranked, stateOf } from "./parts";
import { usePoll } from "./poll";
import { go, to } from "./route";
import { keepDraft } from "./submit";
import { Name, Scroll, Table } from "./table";
import { share, signed, valueText } from "./text";
import { useTitle } from "./title";

const kOffered = 100;  // configs to compare with, best first

export function ConfigTab({ sweep, config, control }: { sweep: Sweep; config: string; control: boolean }) {
  const polled = usePoll<Leaderboard>(`sweeps/${sweep.id}/leaderboard?configs=${encodeURIComponent(config)}`, 5);
  return (
    <Shown polled={polled} rows={10}>
      {(board) => {
        const row = board.rows[0];
        if (!row) return <Empty title="There is no such config in this sweep" />;
        return <Loaded sweep={sweep} board={board} row={row} again={control && hasToken() ? polled.again : null} />;
      }}
    </Shown>
  );
}

function Loaded({ sweep, board, row, again }: { sweep: Sweep; board: Leaderboard; row: LeaderboardRow; again: (() => void) | null }) {
  const trials = usePoll<TrialList>(`sweeps/${sweep.id}/trials?limit=1000&config=${row.config}`, 5);
  useTitle(`${row.name} · ${sweep.name}`);
  return (
    <section aria-label="Config">
      <h2 class="config-name">
        {ranked(row)} <Pin row={row} again={again} />
        <span class="id">{row.config}</span>
      </h2>
      <div class="bar">
        <CompareWith sweep={sweep} row={row} />
        <a href={to(["sweep", sweep.id, "trials"], { config: row.config })}>All its trials</a>
        <a href={to(["sweep", sweep.id, "configs"], { reference: row.config })}>Compare every config with it</a>
        {again && <button type="button" class="right" onClick={() => { keepDraft(likeIt(sweep, row)); go(to(["new"], { dataset: sweep.dataset.fingerprint.slice(0, 12) })); }}>Submit like this</button>}
      </div>
      <dl class="facts">
        {board.columns.filter((column) => row.texts[column.id] && row.texts[column.id] !== "-").map((column) => (
          <div key={column.id}><dt title={column.note}>{columnName(column)}</dt><dd>{row.texts[column.id]}</dd></div>
        ))}
      </dl>
      {row.no_held_out && <p class="legend">No held-out Score: {row.no_held_out}.</p>}
      {again ? <MarkForm key={row.config} row={row} again={again} /> : <MarkLabels row={row} />}
      <LiveRuns sweep={sweep} config={row.config} />
      <h2>Runs by fold and seed</h2>
      <Shown polled={trials} rows={5}>{(list) => <RunsMap trials={list.trials} />}</Shown>
      <h2>Learning curves</h2>
      <Shown polled={trials} rows={8}>
        {(list) =>
          list.trials.some((trial) => trial.outcome === "finished")
            ? <RunCurves of={[{ name: ranked(row), trials: list.trials }]} name={`${sweep.id}-${row.config}`} />
            : <Empty title="No run has finished yet" />
        }
      </Shown>
      <Importance sweep={sweep} row={row} />
      <Settings sweep={sweep} board={board} row={row} />
    </section>
  );
}

function CompareWith({ sweep, row }: { sweep: Sweep; row: LeaderboardRow }) {
  const polled = usePoll<Leaderboard>(`sweeps/${sweep.id}/leaderboard?limit=${kOffered}`, 0);
  const others = polled.data?.rows.filter((other) => other.config !== row.config) ?? [];
  if (others.length === 0) return null;
  return (
    <label>
      Compare with{" "}
      <select value="" onChange={(event) => go(to(["sweep", sweep.id, "compare"], { configs: `${row.config}|${event.currentTarget.value}` }))}>
        <option value="">choose a config</option>
        {others.map((other) => <option key={other.config} value={other.config}>{ranked(other)}</option>)}
      </select>
    </label>
  );
}

/** Folds against seeds; of made folds, every repeat has rows of its own. */
function RunsMap({ trials }: { trials: TrialRow[] }) {
  if (trials.length === 0) return <Empty title="It has no trial yet" />;
  const folds = [...new Set(trials.map((trial) => trial.fold))].sort((a, b) => a - b);
  const rows = [...new Map(trials.map((trial) => [`${trial.partition} ${trial.seed}`, trial])).values()].sort((a, b) => a.partition.localeCompare(b.partition) || a.seed - b.seed);
  const several = new Set(trials.map((trial) => trial.partition)).size > 1;
  const heldOut = trials.some((trial) => trial.held_out !== null);
  const score = (trial: TrialRow) => (heldOut ? trial.held_out : trial.paper)?.accuracy.score ?? null;
  const known = trials.map(score).filter((one): one is number => one !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const shade = (value: number) => `color-mix(in srgb, var(--scale-2) ${Math.round((90 * (value - low)) / Math.max(1e-9, high - low))}%, var(--scale-0))`;
  return (
    <>
      <Scroll label="Runs by fold and seed">
        <table class="runs-map">
          <thead>
            <tr>
              <th scope="col">{several ? "Partition, seed" : "Seed"}</th>
              {folds.map((fold) => <th scope="col" key={fold} class="number">fold {fold}</th>)}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ partition, seed }) => (
              <tr key={`${partition} ${seed}`}>
                <th scope="row">{several && `${partition}, `}{seed}</th>
                {folds.map((fold) => {
                  const trial = trials.find((one) => one.partition === partition && one.seed === seed && one.fold === fold);
                  if (!trial) return <td key={fold} class="none">–</td>;
                  const value = score(trial);
                  const state = stateOf(trial);
                  const text = value === null ? state : share(value);
                  return (
                    <td key={fold} class={value === null && (state === "failed" || state === "diverged") ? "number bad" : "number"} style={value === null ? {} : { background: shade(value) }}>
                      <a href={to(["trial", trial.id])} aria-label={`fold ${fold}, seed ${seed}: ${text}`} title={trial.reason || undefined}>{text}</a>
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <p class="legend">
        {heldOut ? "Held-out Score" : "Paper-style Score (optimistic)"} of each run{known.length > 1 && `, from ${share(low)} to ${share(high)}`}; the stronger the colour, the higher. A click opens the trial.
      </p>
    </>
  );
}

function Importance({ sweep, row }: { sweep: Sweep; row: LeaderboardRow }) {
  const polled = usePoll<ImportanceReport>(`sweeps/${sweep.id}/importance?config=${row.config}`, 15);
  if (polled.error && !polled.data) return null;  // no gate, or none of its runs has finished
  return (
    <>
      <h2>Importance of each encoder</h2>
      <Shown polled={polled} rows={6}>
        {(report) => {
          return (
            <>
              <Bars
                title="Mean gate weight, and its SD over folds and seeds"
                name={`${sweep.id}-${row.config}-importance`}
                about="Encoder"
                label="gate weight"
                of={report.encoders.map(({ encoder, weight }) => ({
                  name: encoder,
                  value: weight.mean,
                  ...within(weight),
                  text: `mean gate weight ${share(weight.mean)} ± ${share(weight.sd)}`,
                }))}
              />
              <p><a href={to(["sweep", sweep.id, "importance"], { config: row.config })}>All of its importance</a></p>
            </>
          );
        }}
      </Shown>
    </>
  );
}

/** Beside those of the reference. */
function Settings({ sweep, board, row }: { sweep: Sweep; board: Leaderboard; row: LeaderboardRow }) {
  const other = board.reference !== null && board.reference !== row.config ? board.reference : null;
  const polled = usePoll<Leaderboard>(other ? `sweeps/${sweep.id}/leaderboard?configs=${other}` : null, 0);
  const reference = polled.data?.rows[0] ?? null;
  const text = (of: LeaderboardRow, name: string) => of.axis_texts[name] || valueText(of.settings[name]);
  const names = Object.keys(row.settings).sort();
  const apart = names.filter((name) => board.axes.includes(name) || (reference && text(reference, name) !== text(row, name)));
  const rest = names.filter((name) => !apart.includes(name));
  return (
    <>
      <h2>Settings</h2>
      {apart.length > 0 && (
        <Table
          label="Settings that the sweep varies, or that differ from the reference's"
          rows={apart}
          id={(name) => name}
          columns={[
            { id: "setting", head: "Setting", names: true, cell: (name) => name },
            { id: "value", head: "Value", cell: (name) => <Name of={text(row, name)} most={60} /> },
            ...(reference ? [{
              id: "reference",
              head: "Of the reference",
              cell: (name: string) => (text(reference, name) === text(row, name) ? <span class="none">the same</span> : <Name of={text(reference, name)} most={60} />),
            }] : []),
          ]}
        />
      )}
      {reference && (
        <p class="legend">
          The reference is <a href={to(["sweep", sweep.id, "config", reference.config])}>{ranked(reference)}</a>
          {row.against_reference?.mean != null && `; this config’s ${board.compared} Score less its: ${signed(row.against_reference.mean)} [${signed(row.against_reference.low)}, ${signed(row.against_reference.high)}]`}.
        </p>
      )}
      <details>
        <summary>{rest.length} other settings</summary>
        <dl class="settings">
          {rest.map((name) => <div key={name}><dt>{name}</dt><dd>{text(row, name)}</dd></div>)}
        </dl>
      </details>
    </>
  );
}

/** A sweep file of this config alone; JSON values are YAML. */
function likeIt(sweep: Sweep, row: LeaderboardRow): string {
  const settings = Object.entries(row.settings).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}\n`);
  return `name: ${JSON.stringify(`${sweep.name}, like #${row.rank ?? row.config}`)}\nfolds: all\nseeds: ${sweep.seeds.length}\nbase:\n${settings.join("")}# axes:\n#   top_n: [1, 2]\n`;
}

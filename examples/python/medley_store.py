"""Reads a Medley store, also while sweeps train. Standard library only; tables are pandas DataFrames where pandas is there.

    from medley_store import Store
    store = Store("medley-store")
    trials = store.trials("topn")                 # or store.trials(): of every sweep
    best = store.configs("topn")                  # settings and mean Scores of each config
    curves = store.epochs(trials)                 # of these trials
    p = store.predictions(trials["trial"][0])     # {"clips": ..., "fused": [[...], ...]}

A row is a dict without pandas. The views that it reads are described in docs/sql.md.
"""

import json
import pathlib
import sqlite3
import statistics
import struct

try:
    import pandas
except ImportError:
    pandas = None


def _table(rows):
    """A DataFrame, or the rows as they are."""
    return pandas.DataFrame(rows) if pandas is not None else rows


def _column(table, name):
    return [row[name] for row in table] if isinstance(table, list) else list(table[name])


def _product(salience, presence):
    """What a decoupled head decodes, as the trainer computes it: the normalised product, rounded to half precision."""
    product = [v * u for v, u in zip(salience, presence)]
    total = sum(product)
    shares = [p / total for p in product] if total > 0 else salience
    half = struct.Struct("<e")
    return [half.unpack(half.pack(struct.unpack("<f", struct.pack("<f", p))[0]))[0] for p in shares]


class Store:
    """A folder that `medley run` or `medley serve` writes. Nothing is ever changed in it."""

    def __init__(self, folder="medley-store"):
        self.file = pathlib.Path(folder) / "medley.db"
        if not self.file.exists():
            raise FileNotFoundError(f"{folder} is no store: it has no medley.db")

    def sql(self, query, parameters=()):
        """The rows of any query, as dicts. A connection of its own sees one consistent state."""
        connection = sqlite3.connect(f"{self.file.resolve().as_uri()}?mode=ro", uri=True)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, parameters)]
        finally:
            connection.close()

    def sweeps(self):
        """Names, oldest first."""
        return _column(self.sql("SELECT name FROM sweep ORDER BY created, key"), "name")

    def _of(self, view, sweep):
        if sweep is None:
            return self.sql(f"SELECT * FROM {view}")
        rows = self.sql(f"SELECT * FROM {view} WHERE sweep = ?", (sweep,))
        if not rows and sweep not in self.sweeps():
            raise KeyError(f"no sweep {sweep!r}; there are {', '.join(self.sweeps()) or 'none'}")
        return rows

    def trials(self, sweep=None):
        """A row a trial: fold, seed, state, Scores, seconds, and every setting that its config has."""
        settings = {(row["sweep"], row["config"]): json.loads(row["settings"]) for row in self._of("v_config", sweep)}
        rows = self._of("v_trial", sweep)
        return _table([{**settings[row["sweep"], row["config"]], **row} for row in rows])

    def configs(self, sweep=None):
        """A row a config: settings, number of runs with a Score, and the means over them."""
        rows = []
        scores = {}
        for trial in self._of("v_trial", sweep):
            scores.setdefault((trial["sweep"], trial["config"]), []).append(trial)
        for config in self._of("v_config", sweep):
            trials = scores.get((config["sweep"], config["config"]), [])
            row = {"sweep": config["sweep"], "config": config["config"], **json.loads(config["settings"])}
            for name in ("held_out_score", "paper_score"):
                values = [trial[name] for trial in trials if trial[name] is not None]
                row[name] = statistics.fmean(values) if values else None
            row["runs"] = sum(trial["paper_score"] is not None for trial in trials)
            rows.append(row)
        return _table(rows)

    def epochs(self, trials):
        """A row an epoch of these trials: a table of trials(), or ids."""
        ids = trials if isinstance(trials, list) and (not trials or isinstance(trials[0], str)) else None
        ids = set(_column(trials, "trial") if ids is None else ids)
        return _table([row for row in self.sql("SELECT * FROM v_epoch") if row["trial"] in ids])

    def predictions(self, trial, protocol="held-out", split="validation"):
        """What one trial's model says of each clip: {"clips", "classes", part: [clip][class]}."""
        found = self.sql(
            "SELECT d.key AS dataset, d.classes AS classes, t.fold AS fold FROM trial t JOIN dataset d "
            "ON d.key = t.dataset WHERE t.id = ?",
            (trial,),
        )
        if not found:
            raise KeyError(f"no trial {trial!r}")
        fold = found[0]["fold"] if split == "validation" else -1
        clips = self.sql(
            "SELECT filename FROM clip WHERE dataset = ? AND fold = ? ORDER BY position", (found[0]["dataset"], fold)
        )
        said = {
            "clips": _column(clips, "filename"),
            "classes": [one["name"] for one in json.loads(found[0]["classes"])],
        }
        for row in self.sql(
            "SELECT * FROM v_prediction WHERE trial = ? AND protocol = ? AND split = ?", (trial, protocol, split)
        ):
            values = struct.unpack(f"<{len(row['probabilities']) // 2}e", row["probabilities"])
            width = len(said["classes"])
            said[row["part"]] = [list(values[i : i + width]) for i in range(0, len(values), width)]
        if "presence" in said and "fused" not in said:
            said["fused"] = [_product(v, u) for v, u in zip(said["salience"], said["presence"])]
        return said

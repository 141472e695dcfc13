"""What `medley export-to` writes, read by other programs or as their formats say, beside `medley trials --json`.
trackers_test.py SERVE_SAMPLE MEDLEY"""

import json
import pathlib
import re
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import zlib

SERVE_SAMPLE, MEDLEY = sys.argv[1:3]
TRACKERS = ("mlflow", "tensorboard", "optuna", "wandb-offline")

# Reads a study as its users do.
READ_STUDY = """
import json, sys, optuna
try:
    study = optuna.load_study(study_name=None, storage=sys.argv[1])
except RuntimeError:  # a later Optuna wants `optuna storage upgrade` first
    assert tuple(map(int, optuna.__version__.split(".")[:2])) > (3, 1)
    optuna.storages.RDBStorage(sys.argv[1], skip_compatibility_check=True).upgrade()
    study = optuna.load_study(study_name=None, storage=sys.argv[1])
trials = [{"number": t.number, "state": t.state.name, "value": t.value, "params": t.params, "attributes": t.user_attrs,
           "steps": t.intermediate_values, "distributions": {k: type(v).__name__ for k, v in t.distributions.items()},
           "start": t.datetime_start and t.datetime_start.timestamp(),
           "complete": t.datetime_complete and t.datetime_complete.timestamp()} for t in study.trials]
best = study.best_trial.number if any(t["value"] is not None for t in trials) else None
print(json.dumps({"name": study.study_name, "direction": study.direction.name, "facts": study.user_attrs, "best": best,
                  "trials": trials, "rows": len(study.trials_dataframe())}))
"""


def python_with(module):
    """A Python that has the module: ours, or that of the system's packages."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode == 0:
            return python
    return None


def remainder(byte):
    """By the polynomial of RFC 3720, bit by bit."""
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


REMAINDERS = [remainder(byte) for byte in range(256)]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ REMAINDERS[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def unmasked(crc):
    rotated = (crc - 0xA282EAD8) & 0xFFFFFFFF
    return (rotated >> 17 | rotated << 15) & 0xFFFFFFFF


def records(data):
    """The records of a TFRecord file, whose CRCs must be right."""
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        assert unmasked(struct.unpack_from("<I", data, at + 8)[0]) == crc32c(data[at : at + 8]), "CRC of a length"
        record = data[at + 12 : at + 12 + size]
        assert len(record) == size, "a record is cut"
        assert unmasked(struct.unpack_from("<I", data, at + 12 + size)[0]) == crc32c(record), "CRC of a record"
        yield record
        at += 16 + size


def fields(data):
    """(number, value) of each field of a protocol buffer: an integer, 8 or 4 bytes, or a string of bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(data):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
        else:
            size = {1: 8, 5: 4, 2: None}[kind]
            size = varint() if size is None else size
            assert at + size <= len(data), "a field is cut"
            yield key >> 3, data[at : at + size]
            at += size


def value_of(data):
    """google.protobuf.Value"""
    ((number, value),) = fields(data)
    return {2: lambda: struct.unpack("<d", value)[0], 3: lambda: value.decode(), 4: lambda: bool(value)}[number]()


def read_events(path):
    """{"version", "scalars": {tag: [(step, value)]}, "hparams", "group", "status"} of an event file."""
    events = {"scalars": {}, "status": None, "wall": []}
    for record in records(path.read_bytes()):
        event = dict(fields(record))
        step = event.get(2, 0)
        events["wall"].append(struct.unpack("<d", event[1])[0])
        if 3 in event:
            events["version"] = event[3].decode()
        for _, summary in fields(event.get(5, b"")):
            value = dict(fields(summary))
            tag = value[1].decode()
            if 2 in value:
                events["scalars"].setdefault(tag, []).append((step, struct.unpack("<f", value[2])[0]))
                continue
            plugin = dict(fields(dict(fields(value[9]))[1]))
            assert plugin[1] == b"hparams", plugin
            ((part, content),) = fields(plugin[2])
            if tag == "_hparams_/session_start_info":
                assert part == 3
                pairs = [dict(fields(value)) for number, value in fields(content) if number == 1]
                events["hparams"] = {pair[1].decode(): value_of(pair[2]) for pair in pairs}
                events["group"] = dict(fields(content))[4].decode()
            else:
                assert (tag, part) == ("_hparams_/session_end_info", 4)
                events["status"] = dict(fields(content))[1]
    return events


def log_records(data):
    """The records of a log of LevelDB with W&B's header and checksums."""
    assert data[:7] == struct.pack("<4sHB", b":W&B", 0xBEE1, 0), data[:7]
    at, parts = 7, None
    while at < len(data):
        left = 32768 - at % 32768
        if left < 7:
            assert data[at : at + left] == bytes(left)
            at += left
            continue
        crc, size, kind = struct.unpack_from("<IHB", data, at)
        piece = data[at + 7 : at + 7 + size]
        assert size <= left - 7 and len(piece) == size, "a record leaves its block, or is cut"
        assert crc == zlib.crc32(bytes([kind]) + piece), "CRC of a record"
        assert (kind in (1, 2)) == (parts is None), "a record begins in another"
        parts = (parts or b"") + piece
        if kind in (1, 4):
            yield parts
            parts = None
        else:
            assert at + 7 + size == (at // 32768 + 1) * 32768, "a part ends before its block"
        at += 7 + size
    assert parts is None, "the last record is cut"


def items(data, field):
    """Keys and values of HistoryItem, ConfigItem or SummaryItem."""
    pairs = [dict(fields(value)) for number, value in fields(data) if number == field]
    return {pair[1].decode(): json.loads(pair[16]) for pair in pairs}


def read_offline_run(path):
    """{"run": its fields, "config", "history": [of each step], "summary", "exit"} of a run of W&B."""
    read, order = {"history": []}, []
    for place, record in enumerate(log_records(path.read_bytes()), 1):
        parts = list(fields(record))
        assert len(parts) == 2 and parts[0] == (1, place), parts[0]
        kind, content = parts[1]
        order.append(kind)
        if kind == 17:
            read["run"] = dict(fields(content))
            read["config"] = items(read["run"][4], 1)
        elif kind == 2:
            ((_, step),) = fields(dict(fields(content))[2])
            read["history"].append(items(content, 1))
            assert read["history"][-1]["_step"] == step
        elif kind == 3:
            read["summary"] = items(content, 1)
        elif kind == 18:
            read["exit"] = dict(fields(content))
    assert order == [17] + [2] * len(read["history"]) + [3, 18, 20], order
    return read


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def text_of(value):
    """A setting as `medley trials --csv` prints it."""
    if isinstance(value, list):
        return "+".join(value)
    return {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else str(value)


class Trackers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        server = [SERVE_SAMPLE, str(cls.folder / "store"), "0"]
        subprocess.run(server, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, timeout=120)
        cls.sweeps = {}
        for name in ("top-n by learning rate", "gates with an inner fold", "<img src=x onerror=alert(1)>"):
            cls.sweeps[name] = json.loads(cls.run_medley("trials", name, "--json").stdout)["trials"]

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def run_medley(cls, *words, code=0):
        done = subprocess.run([MEDLEY, "--store", "store", *words], cwd=cls.folder, capture_output=True, text=True)
        assert done.returncode == code, (words, done.returncode, done.stderr)
        return done

    def sql(self, statement, value):
        """Rows of the store's views, which other tests hold."""
        with sqlite3.connect(f"file:{self.folder}/store/medley.db?mode=ro", uri=True) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(statement, [value])]

    def curve(self, trial):
        return self.sql("SELECT * FROM v_epoch WHERE trial = ? ORDER BY epoch", trial)

    def settings(self, config):
        return json.loads(self.sql("SELECT settings FROM v_config WHERE config = ?", config)[0]["settings"])

    def export(self, tracker, sweep, *words):
        said = self.run_medley("export-to", tracker, sweep, *words).stdout.splitlines()
        self.assertRegex(said[0], rf"^.+: {len(self.sweeps[sweep])} runs? of sweep {re.escape(sweep)}$")
        return self.folder / said[0].split(f": {len(self.sweeps[sweep])} run")[0]

    def test_the_sweeps_have_trials_of_every_state(self):
        states = {trial["state"] for trials in self.sweeps.values() for trial in trials}
        self.assertLessEqual({"finished", "failed", "diverged", "pending"}, states)

    def test_mlflow_has_every_trial(self):
        for sweep, trials in self.sweeps.items():
            store = self.export("mlflow", sweep)
            (experiment,) = store.iterdir()
            meta = self.mlflow_meta(experiment)
            self.assertEqual((meta["name"], meta["experiment_id"]), (sweep, experiment.name))
            self.assertEqual(meta["artifact_location"], "file://" + urllib.parse.quote(str(experiment.resolve())))
            self.assertEqual((experiment / "tags" / "synthetic").read_text(), "true")
            runs = {path.name: path for path in experiment.iterdir() if (path / "meta.yaml").exists()}
            self.assertEqual(set(runs), {trial["trial"] for trial in trials})
            for trial in trials:
                self.check_mlflow_run(runs[trial["trial"]], trial)
            for name in [path.name for run in runs.values() for path in run.rglob("*")]:
                self.assertRegex(name, r"^[\w.\- ]+$", "MLflow takes no other characters in names")

    def mlflow_meta(self, folder):
        """Each line is a YAML key and a JSON value."""
        lines = (folder / "meta.yaml").read_text().splitlines()
        return {key: json.loads(value) for key, value in (line.split(": ", 1) for line in lines)}

    def check_mlflow_run(self, run, trial):
        meta = self.mlflow_meta(run)
        status = {"finished": 3, "failed": 4, "diverged": 4, "pending": 2, "running": 1}[trial["state"]]
        self.assertEqual((meta["status"], meta["run_id"], meta["experiment_id"]), (status, run.name, run.parent.name))
        self.assertEqual(meta["end_time"], trial["ended_ms"])
        if trial["state"] == "finished":
            self.assertEqual(meta["start_time"], trial["ended_ms"] - int(trial["seconds"] * 1000))
        params = {path.name: path.read_text() for path in (run / "params").iterdir()}
        wanted = {"fold": trial["fold"], "seed": trial["seed"], **self.settings(trial["config"])}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        self.assertEqual(set(params), set(wanted))
        for name, value in wanted.items():
            if isinstance(value, float):
                self.assertEqual(float(params[name]), value, name)
            else:
                self.assertEqual(params[name], text_of(value), name)
        metrics = {str(path.relative_to(run / "metrics")): path for path in (run / "metrics").rglob("*") if path.is_file()}
        columns = {name for name, value in trial.items() if name not in params and type(value) in (int, float)}
        self.assertEqual({name for name in metrics if not name.startswith("epoch/")}, columns)
        curve = self.curve(trial["trial"])
        for name in columns:
            when, value, step = metrics[name].read_text().split()
            self.assertEqual(float(value), trial[name], name)
            self.assertEqual(int(step), len(curve))
            self.assertGreater(int(when), 0)
        for name in curve[0] if curve else []:
            if name in ("trial", "epoch"):
                continue
            lines = [line.split() for line in metrics[f"epoch/{name}"].read_text().splitlines()]
            self.assertEqual([(int(step), float(value)) for _, value, step in lines], [(row["epoch"], row[name]) for row in curve])
        self.assertEqual(bool(curve), any(name.startswith("epoch/term/") for name in metrics))
        tags = {path.name: path.read_text() for path in (run / "tags").iterdir()}
        self.assertEqual(tags["mlflow.runName"], meta["run_name"])
        for name in ("trial", "config", "state", "worker", "reason"):
            self.assertEqual(tags.get(name), trial[name], name)

    def test_tensorboard_has_every_trial(self):
        for sweep, trials in self.sweeps.items():
            logs = self.export("tensorboard", sweep, "--out", f"logs-{len(trials)}")
            found = {}
            for path in logs.rglob("*"):
                if path.is_file():
                    self.assertRegex(path.name, r"^events\.out\.tfevents\.\d{10}\.")
                    fold, seed = re.fullmatch(r"fold (\d+), seed (\d+)", path.parent.name).groups()
                    events = read_events(path)
                    self.assertEqual(events["group"], path.parent.parent.name)
                    found[(events["group"], int(fold), int(seed))] = events
            self.assertEqual(len(found), len(trials))
            groups = {}
            for (group, fold, seed), events in found.items():
                groups.setdefault(group, {})[(fold, seed)] = events
            for trial in trials:
                mine = [runs for runs in groups.values() if self.same_params(next(iter(runs.values())), trial)]
                self.assertEqual(len(mine), 1, "a group is a config")
                self.check_events(mine[0][(trial["fold"], trial["seed"])], trial)

    def same_params(self, events, trial):
        params = {name: value for name, value in events["hparams"].items() if name != "dataset"}
        return all(value == (trial[name] if type(trial[name]) in (int, float, bool) else text_of(trial[name]))
                   for name, value in params.items())

    def check_events(self, events, trial):
        self.assertEqual(events["version"], "brain.Event:2")
        self.assertRegex(events["hparams"]["dataset"], r" \(synthetic data\)$")
        status = {"finished": 1, "failed": 2, "diverged": 2}.get(trial["state"])
        self.assertEqual(events["status"], status)
        curve = self.curve(trial["trial"])
        columns = {name for name, value in trial.items() if type(value) in (int, float)} & {
            "held_out_score", "held_out_acc_presence", "held_out_acc_salience", "paper_score", "paper_acc_presence",
            "paper_acc_salience", "alpha", "beta", "paper_epoch", "seconds", "attempts", "ended_ms"}
        said = {tag: values for tag, values in events["scalars"].items() if not tag.startswith("epoch/")}
        self.assertEqual(set(said), columns if status else set())
        for tag, values in said.items():
            self.assertEqual(values, [(len(curve), float32(trial[tag]))], tag)
        for name in curve[0] if curve else []:
            if name not in ("trial", "epoch"):
                wanted = [(row["epoch"], float32(row[name])) for row in curve]
                self.assertEqual(events["scalars"][f"epoch/{name}"], wanted, name)

    def test_optuna_loads_every_trial(self):
        python = python_with("optuna")
        if python is None:
            self.skipTest("there is no Optuna")
        for sweep, trials in self.sweeps.items():
            file = self.export("optuna", sweep, "--out", f"study-{len(trials)}.db")
            done = subprocess.run([python, "-c", READ_STUDY, f"sqlite:///{file}"], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            study = json.loads(done.stdout)
            self.assertEqual((study["name"], study["direction"], study["rows"]), (sweep, "MAXIMIZE", len(trials)))
            self.assertEqual(study["facts"]["synthetic"], True)
            self.assertEqual([trial["number"] for trial in study["trials"]], list(range(len(trials))))
            for mine, trial in zip(study["trials"], trials):
                self.check_optuna_trial(mine, trial)
            scores = [trial["held_out_score"] for trial in trials if trial["held_out_score"] is not None]
            if scores:
                self.assertEqual(trials[study["best"]]["held_out_score"], max(scores))

    def check_optuna_trial(self, mine, trial):
        scored = trial["held_out_score"] is not None
        state = {"pending": "WAITING", "running": "RUNNING"}.get(trial["state"], "COMPLETE" if scored else "FAIL")
        self.assertEqual((mine["state"], mine["value"]), (state, trial["held_out_score"]))
        self.assertEqual(set(mine["params"]) - {"fold", "seed"}, set(mine["distributions"]) - {"fold", "seed"})
        for name, value in mine["params"].items():
            self.assertEqual(value, trial[name] if type(trial[name]) in (int, float, bool) else text_of(trial[name]), name)
        kinds = {"fold": "IntDistribution", "top_n": "IntDistribution", "learning_rate": "FloatDistribution",
                 "gate": "CategoricalDistribution"}
        for name, kind in kinds.items():
            self.assertIn(mine["distributions"].get(name, kind), kind)
        for name, value in mine["attributes"].items():
            if name != "config_name":
                self.assertEqual(value, trial[name], name)
        for name in ("trial", "config", "state", "paper_score", "reason", "worker"):
            self.assertEqual(mine["attributes"].get(name), trial[name], name)
        curve = self.curve(trial["trial"])
        self.assertEqual({int(step): value for step, value in mine["steps"].items()},
                         {row["epoch"]: row["paper_score"] for row in curve})
        if trial["state"] == "finished":
            self.assertAlmostEqual(mine["complete"], trial["ended_ms"] / 1000, places=3)
            self.assertAlmostEqual(mine["start"], (trial["ended_ms"] - int(trial["seconds"] * 1000)) / 1000, places=3)

    def test_wandb_has_every_trial_that_has_ended(self):
        for sweep, trials in self.sweeps.items():
            ended = [trial for trial in trials if trial["state"] not in ("pending", "running")]
            out = self.folder / f"wandb-{len(trials)}"
            said = self.run_medley("export-to", "wandb-offline", sweep, "--out", out.name)
            self.assertEqual(said.stdout.splitlines()[0].split(" run")[0], f"{out.name}: {len(ended)}")
            self.assertEqual("left out" in said.stderr, len(ended) < len(trials))
            runs = {}
            for folder in out.iterdir():
                self.assertRegex(folder.name, r"^offline-run-\d{8}_\d{6}-[0-9a-f]+$")
                (file,) = folder.iterdir()
                run = read_offline_run(file)
                self.assertEqual(file.name, f"run-{run['run'][1].decode()}.wandb")
                self.assertTrue(folder.name.endswith("-" + run["run"][1].decode()))
                runs[run["run"][1].decode()] = run
            self.assertEqual(set(runs), {trial["trial"] for trial in ended})
            for trial in ended:
                self.check_offline_run(runs[trial["trial"]], trial, sweep)

    def check_offline_run(self, run, trial, sweep):
        self.assertEqual(run["run"][3].decode(), re.sub(r"[/\\#?%:]", "_", sweep))
        self.assertTrue(run["run"][8].decode().startswith(run["run"][6].decode() + ", fold "))
        self.assertEqual(run["run"][10], b"synthetic")
        start = dict(fields(run["run"][17]))
        if trial["state"] == "finished":
            self.assertEqual(start[1] * 1000 + start[2] // 10**6, trial["ended_ms"] - int(trial["seconds"] * 1000))
        settings = self.settings(trial["config"])
        for name, value in {**settings, "fold": trial["fold"], "seed": trial["seed"], "synthetic": True}.items():
            self.assertEqual(run["config"][name], value, name)
        columns = {name: value for name, value in trial.items() if value is not None and name not in run["config"] or name == "config"}
        self.assertEqual({name: value for name, value in run["summary"].items() if name[0] != "_"}, columns)
        self.assertEqual(run["exit"][1], 0 if trial["state"] == "finished" else 1)
        curve = self.curve(trial["trial"])
        self.assertEqual([step["_step"] for step in run["history"]], [row["epoch"] for row in curve])
        for step, row in zip(run["history"], curve):
            for name, value in row.items():
                if name not in ("trial", "epoch"):
                    self.assertEqual(step[f"epoch/{name}"], value, name)

    def test_what_exists_is_refused_and_stays(self):
        for tracker in TRACKERS:
            for name, make in (("full", lambda path: path.mkdir() or (path / "mine").touch()),
                               ("empty", lambda path: path.mkdir()), ("file", lambda path: path.write_text("mine")),
                               ("link", lambda path: path.symlink_to("nowhere"))):
                path = self.folder / f"{tracker}-{name}"
                make(path)
                said = self.run_medley("export-to", tracker, "--out", f"{path}/" if name == "full" else str(path), code=1)
                self.assertIn(f"{path} exists: name another", said.stderr)
            self.assertEqual([path.name for path in (self.folder / f"{tracker}-full").iterdir()], ["mine"])
            self.assertEqual((self.folder / f"{tracker}-file").read_text(), "mine")
        self.assertEqual([path.name for path in self.folder.glob(".*")], [], "nothing is left")

    def test_an_export_that_ends_early_leaves_nothing_under_its_name(self):
        for tracker in TRACKERS:
            out = self.folder / f"killed-{tracker}"
            seen = 0
            for wait in range(1, 400):
                words = [MEDLEY, "--store", "store", "export-to", tracker, "top-n by learning rate", "--out", str(out)]
                process = subprocess.Popen(words, cwd=self.folder, stdout=subprocess.DEVNULL)
                while process.poll() is None and not list(self.folder.glob(f".killed-{tracker}.*")):
                    time.sleep(0.0005)
                process.send_signal(signal.SIGKILL)
                process.wait()
                seen += process.returncode == -signal.SIGKILL and not out.exists()
                if out.exists() or seen == 3:
                    break
            self.assertTrue(seen > 0 or out.exists())
            if process.returncode == -signal.SIGKILL:
                self.assertFalse(out.exists())
        for path in self.folder.glob(".killed-*"):
            subprocess.run(["rm", "-rf", str(path)], check=True)

    def test_errors_name_what_there_is(self):
        self.assertIn(",".join(TRACKERS), self.run_medley("export-to", "wandb", code=2).stderr)
        self.assertIn("nix", self.run_medley("export-to", "mlflow", "nix", code=2).stderr)
        self.assertIn("cannot write", self.run_medley("export-to", "optuna", "--out", "nowhere/file", code=1).stderr)

    def test_crc_is_that_of_the_standard(self):
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)  # the check value of CRC-32C
        self.assertEqual(crc32c(bytes(32)), 0x8A9136AA)  # RFC 3720, appendix B.4


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

"""Stores of releases stay readable: each of `stores` is restored, migrated and checked, and has the trials that it had.

    releases_test.py MEDLEY STORES          the test
    releases_test.py keep MEDLEY STORES     keeps a store of this version: VERSION.zip and VERSION.json
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "examples"))
import study  # noqa: E402


def run(*words, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)
    if done.returncode != 0:
        raise AssertionError(f"{words}: {done.returncode}: {done.stderr}")
    return done.stdout


def trials_of(medley, store):
    """{sweep: its trials with every column and setting}"""
    sweeps = json.loads(run(medley, "--store", store, "status", "--json"))["sweeps"]
    return {sweep["name"]: json.loads(run(medley, "--store", store, "trials", sweep["name"], "--json"))["trials"] for sweep in sweeps}


def keep(medley, stores):
    version = run(medley, "--version").split()[-1]
    stores.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        trained = study.Study(medley, folder)
        trained.run("ensemble", "study", "--name", "blend")
        trained.run("note", "study", "of release " + version)
        store = pathlib.Path(folder) / "medley-store"
        run(medley, "--store", store, "store", "backup", stores / f"{version}.zip")
        (stores / f"{version}.json").write_text(json.dumps(trials_of(medley, store), separators=(",", ":"), sort_keys=True) + "\n")
    return version


class Releases(unittest.TestCase):
    def test_a_store_of_every_release_is_read_and_migrated(self):
        medley, stores = sys.argv[1], pathlib.Path(sys.argv[2])
        with tempfile.TemporaryDirectory() as folder:
            ours = pathlib.Path(folder) / "stores"
            keep(medley, ours)  # this version's, so that the way is tried before there is a release
            for kept in [*ours.glob("*.zip"), *stores.glob("*.zip")]:
                store = pathlib.Path(folder) / kept.stem
                run(medley, "--store", store, "store", "restore", kept)
                # What writes to a store migrates it.
                run(medley, "--store", store, "store", "gc")
                self.assertIn("no fault found", run(medley, "--store", store, "store", "check"))
                wanted = json.loads(kept.with_suffix(".json").read_text())
                trials = trials_of(medley, store)
                self.assertEqual(set(trials), set(wanted), kept.name)
                for sweep, rows in wanted.items():
                    self.assertEqual(len(trials[sweep]), len(rows))
                    for row, mine in zip(rows, trials[sweep]):
                        self.assertEqual({name: mine.get(name) for name in row}, row, f"{kept.name}: {sweep}")


if __name__ == "__main__":
    if sys.argv[1] == "keep":
        print("kept the store of " + keep(sys.argv[2], pathlib.Path(sys.argv[3]).absolute()))
    else:
        unittest.main(argv=sys.argv[:1])

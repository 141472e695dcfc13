"""docs/columns.md beside what the programs print. columns_test.py MEDLEY

A heading of level 2 names a command, one of level 3 an object in its JSON. The first column of the tables below it has names.
"""

import csv
import io
import json
import re
import sys
import tempfile
import unittest
import zipfile

import page
import study

# Values that the table of their owner describes, or whose keys are names of settings, axes, columns and the like.
DESCRIBED_BY_OWNER = re.compile(
    r"(rows\[\]\.(axis_values|axis_texts|settings|values|texts|head_fusions)|groups|settings|failures\[\]|configs\[\]"
    r"|axes\[\]\.values\[\]\.(held_out_score|paper_score)|families\[\]\.comparisons\[\]\.(held|held_text|paper|.*\.nadeau_bengio)"
    r"|encoders\[\]\.(weight|selected|by_fold\[\]|loss_without|alone|shapley)|groups\[\]\.share|(near_copies|kept_by_seeds)\[\]"
    r"|axis_values|shapley|shapley\..*)"
)


def documented():
    """{command: {path in its JSON, or "": names}}"""
    found = {}
    command = path = None
    for line in (page.ROOT / "docs" / "columns.md").read_text().splitlines():
        heading = re.fullmatch(r"(###?) `(.+)`", line)
        if heading and heading.group(1) == "##":
            command, path = heading.group(2), ""
            found[command] = {}
        elif heading:
            path = heading.group(2)
        elif command and re.match(r"\| `", line):
            found[command].setdefault(path, []).extend(re.findall(r"`([^`]+)`", line.split("|")[1]))
    return found


def objects(value, path=""):
    """The path and the keys of each object of a JSON value that has a table of its own."""
    if isinstance(value, list):
        for one in value:
            yield from objects(one, path + "[]")
    elif isinstance(value, dict):
        if not DESCRIBED_BY_OWNER.fullmatch(path):
            yield path, set(value)
        for key, one in value.items():
            name = "AXIS" if path == "axis_values" else key
            if not DESCRIBED_BY_OWNER.fullmatch(path) or path == "axis_values":
                yield from objects(one, f"{path}.{name}" if path else name)


class Columns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.study = study.Study(sys.argv[1], cls.temporary.name)
        cls.documented = documented()

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_of_csv_are_documented_and_only_these(self):
        checked = 0
        for command, names in self.documented.items():
            if command.endswith("--csv"):
                table = csv.reader(io.StringIO(self.study.run(*command.split()[1:])))
                printed = [name for name in next(table) if name not in study.AXES and name not in {f"held_{axis}" for axis in study.AXES}]
                self.assertEqual(printed, names[""], command)
                self.assertTrue(next(table), command)
                checked += 1
        self.assertEqual(checked, 5)

    def test_of_trials_are_the_same_in_json(self):
        trials = json.loads(self.study.run("trials", "--json"))
        self.assertEqual(set(trials), {"sweep", "sweep_name", "trials"})
        self.assertEqual(set(trials["trials"][0]) - study.AXES, set(self.documented["medley trials --csv"][""]))

    def test_of_json_are_documented_and_only_these(self):
        checked = 0
        for command, paths in self.documented.items():
            if command.endswith("--json"):
                seen = {}
                for path, keys in objects(json.loads(self.study.run(*command.split()[1:]))):
                    seen.setdefault(path, set()).update(keys)
                for path in sorted(set(seen) | set(paths)):
                    self.assertEqual(sorted(seen.get(path, [])), sorted(paths.get(path, [])), f"{command}: {path}")
                checked += 1
        self.assertEqual(checked, 4)

    def test_values_of_rows_are_the_columns_of_the_csv(self):
        row = json.loads(self.study.run("report", "--json"))["rows"][0]
        described = {"rank", "config", "partition", "transductive"}
        self.assertEqual(set(row["values"]), set(self.documented["medley report --csv"][""]) - described)

    def test_of_predictions_are_documented_and_only_these(self):
        self.study.run("ensemble", "--name", "blend")
        for command, words in {"medley predictions": [], "medley predictions ENSEMBLE": ["blend"]}.items():
            self.study.run("predictions", *words, "--out", "predictions.npz")
            with zipfile.ZipFile(self.study.folder / "predictions.npz") as archive:
                arrays = sorted(name[: -len(".npy")] for name in archive.namelist())
            self.assertEqual(arrays, sorted(self.documented[command][""]), command)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

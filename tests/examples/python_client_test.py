"""examples/python/medley_store.py on a store of a known generator. python_client_test.py STORE_GENERATOR MEDLEY"""

import csv
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples" / "python"))
import medley_store  # noqa: E402

GENERATOR, MEDLEY = sys.argv[1:3]


def rows(table):
    return table if isinstance(table, list) else table.astype(object).where(table.notna(), None).to_dict("records")


class Client(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        subprocess.run([GENERATOR, cls.folder.name, "3", "2", "4"], check=True, stdout=subprocess.DEVNULL)
        cls.store = medley_store.Store(cls.folder.name)
        cls.sweep = cls.store.sweeps()[0]
        text = subprocess.run(
            [MEDLEY, "--store", cls.folder.name, "trials", cls.sweep, "--csv"], check=True, capture_output=True, text=True
        ).stdout
        cls.listed = list(csv.DictReader(io.StringIO(text)))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_trials_are_those_of_the_command(self):
        trials = rows(self.store.trials(self.sweep))
        self.assertEqual(len(trials), 3 * 5 * 2)
        for mine, listed in zip(trials, self.listed):
            for name in ("trial", "config", "state"):
                self.assertEqual(mine[name], listed[name])
            for name in ("fold", "seed", "paper_score", "paper_acc_presence", "seconds"):
                self.assertEqual(float(mine[name]), float(listed[name]), name)
            self.assertIn("learning_rate", mine)

    def test_configs_are_means_over_trials(self):
        for config in rows(self.store.configs(self.sweep)):
            mine = [float(one["paper_score"]) for one in self.listed if one["config"] == config["config"]]
            self.assertEqual(config["runs"], 10)
            self.assertAlmostEqual(config["paper_score"], sum(mine) / 10, places=12)

    def test_epochs_and_predictions_are_of_the_trial(self):
        first = rows(self.store.trials())[0]
        self.assertEqual([row["epoch"] for row in rows(self.store.epochs([first["trial"]]))], [1, 2, 3, 4])
        self.assertEqual(len(rows(self.store.epochs(self.store.trials()))), 3 * 5 * 2 * 4)
        said = self.store.predictions(first["trial"])
        self.assertEqual(len(said["fused"]), len(said["clips"]))
        for row in said["fused"]:
            self.assertEqual(len(row), len(said["classes"]))
            self.assertAlmostEqual(sum(row), 1, delta=2**-11, msg="numbers of half precision")

    def test_views_have_the_columns_of_the_document(self):
        document = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "sql.md").read_text()
        for view in ("v_trial", "v_config", "v_epoch", "v_importance", "v_prediction"):
            columns = self.store.sql(f"SELECT name FROM pragma_table_info('{view}')")
            self.assertTrue(columns, view)
            for column in columns:
                name = column["name"]
                documented = f"`{name}`" in document or name.startswith("paper_acc_")
                self.assertTrue(documented, f"{view}.{name}")

    def test_errors_name_what_there_is(self):
        with self.assertRaisesRegex(KeyError, self.sweep):
            self.store.trials("nix")
        with self.assertRaisesRegex(FileNotFoundError, "no medley.db"):
            medley_store.Store("/nowhere")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

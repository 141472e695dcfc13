"""The code of examples/python/figure.ipynb in a plain Python. notebook_test.py MEDLEY"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import page
import study

EXAMPLES = page.ROOT / "examples" / "python"
NOTEBOOK = json.loads((EXAMPLES / "figure.ipynb").read_text())

# Makes an import fail as where the module is not installed.
WITHOUT = "import sys\nsys.modules.update(dict.fromkeys({modules!r}))\n"


def code():
    return "\n\n".join("".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code")


def python_with(module):
    for python in (sys.executable, "/usr/bin/python3"):
        if os.path.exists(python) and subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode == 0:
            return python
    return None


class Notebook(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.study = study.Study(sys.argv[1], cls.temporary.name)
        cls.configs = json.loads(cls.study.run("report", "--json"))["rows"]

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def printed(self, python, missing):
        environment = {**os.environ, "PYTHONPATH": str(EXAMPLES)}
        result = subprocess.run(
            [python, "-c", WITHOUT.format(modules=missing) + code()], cwd=self.temporary.name, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_without_matplotlib_and_pandas_it_says_what_is_missing(self):
        said = self.printed(sys.executable, ["matplotlib", "pandas"])
        self.assertIn(f"study: {len(self.configs) * study.RUNS} trials", said)
        self.assertEqual(len(re.findall(rf"^0\.\d{{3}}  {study.RUNS} runs  ", said, re.MULTILINE)), len(self.configs), said)
        self.assertIn("matplotlib is missing", said)

    def test_it_draws_a_column_for_each_config(self):
        python = python_with("matplotlib")
        if python is None:
            self.skipTest("needs matplotlib")
        self.assertIn("my-figure.svg", self.printed(python, []))
        drawn = (pathlib.Path(self.temporary.name) / "my-figure.svg").read_text()
        self.assertEqual(len(re.findall(r'<g id="PathCollection_\d+"', drawn)), len(self.configs))

    def test_it_is_stored_without_outputs(self):
        self.assertEqual(NOTEBOOK["nbformat"], 4)
        for cell in NOTEBOOK["cells"]:
            self.assertFalse(cell.get("outputs"))
            self.assertIsNone(cell.get("execution_count"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

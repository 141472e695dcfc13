"""The pages of docs/ that a reader follows step by step, followed. pages_test.py MEDLEY

Files of a page are saved and its commands run in one folder, page after page, and what they print is what the page shows
(page.py says how exactly). That needs NumPy. Commands, options and links of all pages must exist.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import page

FOLLOWED = ["first-ablation.md", "reading-the-report.md", "how-to.md"]
MEDLEY = pathlib.Path(sys.argv[1])


def python_with_numpy():
    for python in (sys.executable, "/usr/bin/python3"):
        if os.path.exists(python) and subprocess.run([python, "-c", "import numpy"], capture_output=True).returncode == 0:
            return python
    return None


class Pages(unittest.TestCase):
    def test_print_what_they_show(self):
        python = python_with_numpy()
        if python is None:
            self.skipTest("needs NumPy")
        with tempfile.TemporaryDirectory() as folder:
            programs = pathlib.Path(folder) / "programs"
            programs.mkdir()
            (programs / "python3").symlink_to(python)
            here = pathlib.Path(folder) / "here"
            here.mkdir()
            (here / "examples").symlink_to(page.ROOT / "examples")
            environment = {name: value for name, value in os.environ.items() if not name.startswith("MEDLEY_")}
            environment["PATH"] = f"{MEDLEY.parent}:{programs}:{environment['PATH']}"
            ran = 0
            for name in FOLLOWED:
                for block in page.blocks(page.ROOT / "docs" / name):
                    file, content = page.saved(block)
                    if file:
                        (here / file).write_text(content)
                    for command in page.commands(block) if block.kind == "console" else []:
                        result = subprocess.run(
                            ["bash", "-c", command.text], cwd=here, env=environment, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
                        )  # fmt: skip
                        wrong = page.disagreement(command.printed, result.stdout)
                        if wrong:
                            self.fail(f"docs/{name}:{command.line}: {command.text}\n{wrong}")
                        ran += 1
            self.assertGreater(ran, 15)

    def test_commands_and_options_exist(self):
        helps = {}

        def help_of(path):
            if path not in helps:
                helps[path] = subprocess.run([MEDLEY, *path, "--help"], capture_output=True, text=True).stdout
            return helps[path]

        checked = 0
        for document in page.DOCUMENTS:
            for block in page.blocks(document):
                for command in page.typed(block):
                    for words in page.words(command.text) if "medley" in command.text else []:
                        while words and "=" in words[0]:
                            words = words[1:]
                        if not words or words[0] != "medley":
                            continue
                        where = f"{document.name}:{command.line}: {command.text}"
                        path = ()
                        for index, word in enumerate(words[1:], 1):
                            named = f"\n  {word} " in help_of(path).partition("Subcommands:")[2]
                            if word.startswith("-") and word != "--" and not word[1:].isdigit():
                                option = word.partition("=")[0]
                                known = option in help_of(()) if not path else option in help_of(path) + help_of(())
                                self.assertTrue(known, f"{where}: no option {option}")
                            elif named:
                                path += (word,)
                        self.assertTrue(path or "--" in command.text, f"{where}: no command")
                        checked += 1
        self.assertGreater(checked, 40)


class Links(unittest.TestCase):
    def test_lead_to_headings(self):
        checked = 0
        for document in page.DOCUMENTS:
            for file, heading in re.findall(r"\]\(([\w/.-]*)#([^)]+)\)", document.read_text(encoding="utf-8")):
                there = document.parent / file if file else document
                self.assertIn(heading, page.anchors(there), f"{document.name}: {file}#{heading}")
                checked += 1
        self.assertGreater(checked, 50)


class Lines(unittest.TestCase):
    def test_agree_but_for_times_and_last_digits(self):
        self.assertTrue(page.same("all  .366 [.336, .395]  in 3s", "all .367 [.335, .395] in 12s"))
        self.assertFalse(page.same("all .366", "all .466"))
        self.assertFalse(page.same("25 trials", "26 trials"))
        self.assertTrue(page.same("at .5 of ...", "at .5 of 3a4f"))
        self.assertFalse(page.same("at .5 of ...", "at .7 of 3a4f"))
        self.assertTrue(page.same("... no fault", "7 results: no fault"))
        self.assertFalse(page.same("... no fault", "7 results: a fault"))
        self.assertTrue(page.same("-.001", "+.001"))

    def test_left_out_stand_for_any(self):
        self.assertTrue(page.agrees(["a", "...", "d"], ["a", "b", "c", "d"]))
        self.assertTrue(page.agrees(["a", "...", "d"], ["a", "d"]))
        self.assertFalse(page.agrees(["a", "..."], ["b"]))
        self.assertFalse(page.agrees([], ["b"]))

    def test_of_a_block_are_commands_with_what_they_print(self):
        block = page.Block("console", 7, ["$ a \\", "  b", "c", "$ d"])
        self.assertEqual(list(page.commands(block)), [page.Command(7, "a b", ["c"]), page.Command(10, "d", [])])
        self.assertEqual(page.words("medley a --b | c  # d"), [["medley", "a", "--b"], ["c"]])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

"""What commands print on terminals of several widths fits. widths_test.py MEDLEY"""

import fcntl
import json
import os
import pty
import re
import struct
import sys
import tempfile
import termios
import unittest

import study

COMMANDS = [
    "plan study.yaml",
    "plan study.yaml --settle 0.01",
    "settings",
    "data check data",
    "data folds data/train_metadata.csv --out folds.csv --force",
    "status",
    "trials",
    "report",
    "report --ids",
    "report --explain",
    "report --importance",
    "report --methods",
    "report --planned",
    "report --pivot encoders,top_n",
    "show CONFIG",
    "show CONFIG/0/1",
    "diff CONFIG OTHER",
    "ensemble --name ours",
    "ensembles",
    "export ours --out submission.zip",
    "predict ours --data data --clips all --out all.npz",
    "evaluate all.npz --data data",
    "replay study --search race",
    "store check",
    "cluster status",
    "logs CONFIG/0/1",
    "discard CONFIG/0/1 --dry-run",
    "note study",
    "--help",
    "report --help",
    "nosuch",
    "report nosuch",
]


def on_a_terminal(words, folder, width):
    """The lines that a program prints where a line of the terminal has `width` characters, and its exit status."""
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
        os.chdir(folder)
        os.execv(words[0], words)
    text = b""
    try:
        while part := os.read(terminal, 65536):
            text += part
    except OSError:  # the other side is closed
        pass
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return text.decode().replace("\r\n", "\n").splitlines(), code


def too_wide(lines, width):
    """Lines with more characters than that, unless their last column is one word, which cannot be broken."""
    return [line for line in lines if len(line) > width and not re.fullmatch(r"(.*\s\s)?\S+", line)]


class Widths(unittest.TestCase):
    def test_what_commands_print_fits(self):
        with tempfile.TemporaryDirectory() as folder:
            of = study.Study(sys.argv[1], folder)
            configs = [row["config"] for row in json.loads(of.run("trials", "--json"))["trials"]]
            first, other = sorted(set(configs))[:2]
            for command in COMMANDS:
                words = command.replace("CONFIG", first).replace("OTHER", other).split()
                for width in (60, 80, 120, 200):
                    with self.subTest(command=command, width=width):
                        lines, code = on_a_terminal([sys.argv[1], *words], folder, width)
                        if os.environ.get("MEDLEY_SHOW") == str(width):
                            print("$", command, *lines, "", sep="\n")
                        self.assertEqual(code, 2 if "nosuch" in command else 0, lines)
                        self.assertEqual(too_wide(lines, width), [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

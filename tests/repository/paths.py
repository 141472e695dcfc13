#!/usr/bin/env python3
"""Find paths in the pages of the repository that lead nowhere.

    paths.py

A path is inline code that begins with a folder of the repository, such as `sweep/config.h`. It may lack its suffix
(`sweep/config`) and may be a pattern (`sweep/spec/spec*`). Prints file:line and the path of each fault, and exits 1
when there is one. Paths that only an example names, or that the build writes, stand in NOT_HERE.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("cluster", "cmake", "coordinator", "docs", "examples", "storage", "sweep", "tests", "trainer", "web", "worker")
NOT_HERE = {"cluster/NAME.h", "cluster/NAME.cpp", "sweep/search"}

PATH = re.compile(r"`((?:" + "|".join(FOLDERS) + r")/[\w./*-]*)`")


def leads_somewhere(path: str) -> bool:
    return any(True for _ in ROOT.glob(path)) or any(True for _ in ROOT.glob(path + ".*"))


def main() -> int:
    pages = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "*.md"],
                           check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    faults = 0
    for page in pages:
        for number, line in enumerate((ROOT / page).read_text(encoding="utf-8").splitlines(), 1):
            for path in PATH.findall(line):
                if path not in NOT_HERE and not leads_somewhere(path.rstrip("/")):
                    print(f"{page}:{number}: {path} is not in the repository")
                    faults += 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

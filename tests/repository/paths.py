#!/usr/bin/env python3
"""Find paths in the pages of the repository that lead nowhere.

    paths.py

A path is inline code that begins with a folder of the repository, such as `sweep/config.h`. It may lack its suffix
(`sweep/config`) and may be a pattern (`sweep/spec/spec*`). Prints file:line and the path of each fault, and exits 1
when there is one. Paths that only an example names, or that the build writes, stand in NOT_HERE.
"""

import re
import sys

import listing

FOLDERS = (
    "cluster", "cmake", "coordinator", "docs", "examples", "storage", "sweep", "tests", "trainer", "web", "worker",
)
NOT_HERE = {"cluster/NAME.h", "cluster/NAME.cpp", "sweep/search", "tests/fuzz/corpus/TARGET", "tests/fuzz/findings"}

PATH = re.compile(r"`((?:" + "|".join(FOLDERS) + r")/[\w./*-]*)`")


def leads_somewhere(path: str) -> bool:
    return any(True for pattern in (path, path + ".*") for _ in listing.ROOT.glob(pattern))


def main() -> int:
    faults = 0
    for page in listing.files("*.md"):
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            for path in PATH.findall(line):
                if path not in NOT_HERE and not leads_somewhere(path.rstrip("/")):
                    print(f"{listing.name_of(page)}:{number}: {path} is not in the repository")
                    faults += 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Find the words of words.txt in the text files of the repository.

    words.py [FILE...]

Prints file:line, the word and the word to use instead for each hit. Exits 1 when there is one.
Without FILE it reads every text file of the repository. Inline code of Markdown pages does not count.
"""

import pathlib
import re
import sys
from typing import Dict, List, NamedTuple, Set, Tuple

import listing

RULES = pathlib.Path(__file__).resolve().parent / "words.txt"
SKIPPED = ("tests/repository/words.txt", "tests/repository/checks_test.py", "web/package-lock.json", "LICENSE")
INPUTS = "tests/fuzz/corpus/"  # of the fuzz targets: no prose, and often no text

# What may lie between two words of a phrase: blanks, or a line break with the marks of a comment or a string.
BETWEEN = r"(?:[ \t]+|[ \t]*[\"']?[ \t]*\n[ \t]*(?:///?<?|#|\*|\"|'|>)?[ \t]*)"


class Rules(NamedTuple):
    instead: Dict[str, str]  # phrase in lower case -> what to say
    exceptions: Set[Tuple[str, str]]  # path, phrase


def read_rules(text: str) -> Rules:
    rules = Rules({}, set())
    for number, line in enumerate(text.splitlines(), 1):
        exception = re.fullmatch(r"except (\S+): (.+)", line)
        phrase = re.fullmatch(r"([^#=]+) = (.+)", line)
        if exception:
            rules.exceptions.add((exception.group(1), exception.group(2).lower()))
        elif phrase:
            rules.instead[phrase.group(1).lower()] = phrase.group(2)
        elif line and not line.startswith("#"):
            raise SystemExit(f"words.txt:{number}: neither 'PHRASE = INSTEAD' nor 'except PATH: PHRASE': {line}")
    return rules


def pattern_of(phrases: List[str]) -> "re.Pattern[str]":
    forms = (BETWEEN.join(map(re.escape, phrase.split())) for phrase in sorted(phrases, key=len, reverse=True))
    return re.compile(r"(?<![\w-])(" + "|".join(forms) + r")(?![\w-])", re.IGNORECASE)


def prose(name: str, text: str) -> str:
    """`text` without inline code, every character at its line."""
    if not name.endswith(".md"):
        return text
    return re.sub(r"(?<!`)`[^`\n]*`(?!`)", lambda code: " " * len(code.group()), text)


def main() -> int:
    rules = read_rules(RULES.read_text(encoding="utf-8"))
    pattern = pattern_of(list(rules.instead))
    hits = 0
    for file in [pathlib.Path(name) for name in sys.argv[1:]] or listing.files():
        name = listing.name_of(file)
        content = file.read_bytes()
        if name in SKIPPED or name.startswith(INPUTS) or b"\0" in content:
            continue
        text = prose(name, content.decode("utf-8"))
        for match in pattern.finditer(text):
            phrase = " ".join(re.findall(r"[\w-]+", match.group(1))).lower()
            if (name, phrase) in rules.exceptions:
                continue
            line = text.count("\n", 0, match.start()) + 1
            print(f"{name}:{line}: '{phrase}': say {rules.instead[phrase]}")
            hits += 1
    return 1 if hits else 0


if __name__ == "__main__":
    sys.exit(main())

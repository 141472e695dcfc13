"""What a page of docs/ says to type and to save, and whether a program prints what the page shows.

A block of a page is one of these:
  console           commands after "$ ", each with what it prints; a line "..." stands for any lines, also for none, and
                    "..." at the end or the beginning of a line stands for its rest
  python, yaml      a file where the first line is "# NAME"
  sh                commands to copy: they are not run, but their options must exist
"""

import pathlib
import re
import shlex
from typing import Iterator, List, NamedTuple, Set, Tuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# What depends on the machine: durations, and the last digits of numbers with a decimal point.
DURATION = re.compile(r"\b\d+(\.\d+)? ?(ms|s|min)\b")
NUMBER = re.compile(r"([-+]?\d*\.\d+)")
TOLERANCE = 0.004


class Block(NamedTuple):
    kind: str
    line: int  # of its first line in the page, from 1
    lines: List[str]


class Command(NamedTuple):
    line: int
    text: str
    printed: List[str]


def blocks(page: pathlib.Path) -> Iterator[Block]:
    kind = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = re.fullmatch(r" *```(\w*)", line)
        if fence and kind is None:
            kind, first, lines = fence.group(1), number + 1, []
        elif fence:
            yield Block(kind, first, lines)
            kind = None
        elif kind is not None:
            lines.append(line)


def anchors(page: pathlib.Path) -> Set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def saved(block: Block) -> Tuple[str, str]:
    """Name and content of the file that a block is; the name is empty where it is none."""
    name = re.fullmatch(r"# ([\w-]+\.(?:py|yaml))", block.lines[0]) if block.lines else None
    return (name.group(1), "\n".join(block.lines) + "\n") if name else ("", "")


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console block. A backslash at the end of a line continues it."""
    command = None
    for number, line in enumerate(block.lines, block.line):
        if line.startswith("$ "):
            if command:
                yield command
            command = Command(number, line[2:], [])
        elif command and command.text.endswith("\\") and not command.printed:
            command = command._replace(text=command.text[:-1] + line.strip())
        elif command:
            command.printed.append(line)
    if command:
        yield command


def typed(block: Block) -> Iterator[Command]:
    """The commands of a console or sh block, without what they print."""
    if block.kind == "console":
        yield from commands(block)
    elif block.kind == "sh":
        yield from (Command(number, line.strip(), []) for number, line in enumerate(block.lines, block.line))


def words(command: str) -> List[List[str]]:
    """The words of each simple command of a line, without comments."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    simple: List[List[str]] = [[]]
    for word in lexer:
        if re.fullmatch(r"[|&;()<>]+", word):
            simple.append([])
        else:
            simple[-1].append(word)
    return [one for one in simple if one]


def same(expected: str, printed: str) -> bool:
    """Whether a line is as the page has it, but for blanks, durations and small differences of numbers."""
    mine, its = (DURATION.sub("TIME", line.strip()) for line in (expected, printed))
    if mine.endswith(" ..."):
        mine = mine[: -len(" ...")]
        its = its[: len(mine)]
    if mine.startswith("... "):
        mine = mine[len("... ") :]
        its = its[-len(mine) :]
    mine, its = NUMBER.split(mine), NUMBER.split(its)
    if len(mine) != len(its):
        return False
    texts = zip(mine[::2], its[::2])
    numbers = zip(mine[1::2], its[1::2])
    return all(a.split() == b.split() for a, b in texts) and all(abs(float(a) - float(b)) <= TOLERANCE for a, b in numbers)


def agrees(expected: List[str], printed: List[str]) -> bool:
    if not expected:
        return not printed
    if expected[0] == "...":
        return any(agrees(expected[1:], printed[skipped:]) for skipped in range(len(printed) + 1))
    return bool(printed) and same(expected[0], printed[0]) and agrees(expected[1:], printed[1:])


def disagreement(expected: List[str], printed: str) -> str:
    """Empty where the page shows what was printed, else both. Empty lines do not count."""
    wanted = [line for line in expected if line.strip()]
    found = [line for line in printed.splitlines() if line.strip()]
    if agrees(wanted, found):
        return ""
    return "the page shows:\n" + "\n".join(wanted) + "\nprinted was:\n" + printed

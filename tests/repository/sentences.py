#!/usr/bin/env python3
"""Measure the sentences of the documents, or of comments, in words.

    sentences.py [--comments] [--show N] [FILE...]

Prints the N (20) longest sentences with file, line and number of words. Exits 1 when one is above 30 words.
Without FILE it reads every Markdown page of the repository, or with --comments every C++ file.

A list item is a sentence. Code blocks, tables, headings and front matter do not count. Inline code is one word.
"""

import argparse
import pathlib
import re
import sys
from typing import Iterator, List, NamedTuple, Tuple

import listing

MOST_WORDS = 30

# A line of a text: its number in the file, and what it says.
Line = Tuple[int, str]

ABBREVIATION = re.compile(r"\b(e\.g|i\.e|etc|vs|cf|al|no|fig|approx)\.$", re.IGNORECASE)
SENTENCE_END = re.compile(r"[.!?][)\"'*_]*(?=\s+(k?[A-Z0-9]|nullopt|nullptr|[\"'(*_`\[]+[\w-]))")
LIST_ITEM = re.compile(r"\s*([-*+]|\d+\.)\s+")


class Sentence(NamedTuple):
    words: int
    file: str
    line: int
    text: str


def markdown_paragraphs(lines: List[str]) -> Iterator[List[Line]]:
    """Paragraphs and list items of a Markdown page."""
    paragraph: List[Line] = []
    fence = ""
    in_list = False
    in_front_matter = bool(lines) and lines[0].strip() == "---"
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if in_front_matter:
            in_front_matter = number == 1 or stripped != "---"
            continue
        if fence:
            if stripped.startswith(fence):
                fence = ""
            continue
        opens_fence = re.match(r"(```+|~~~+)", stripped)
        indented_code = line.startswith("    ") and not paragraph and not in_list
        item = None if indented_code else LIST_ITEM.match(line)
        skipped = opens_fence or indented_code or stripped.startswith(("|", "#", "<!--", "!["))
        if (not stripped or skipped or item) and paragraph:
            yield paragraph
            paragraph = []
        if opens_fence:
            fence = opens_fence.group(1)
        if item:
            in_list = True
            line = line[item.end():]
        elif stripped and not line.startswith(" "):
            in_list = in_list and bool(paragraph)
        if stripped and not skipped:
            paragraph.append((number, line.strip()))
    if paragraph:
        yield paragraph


def comment_paragraphs(lines: List[str]) -> Iterator[List[Line]]:
    """Paragraphs of the comments of a C++ file; a comment after code is apart from the comments below it."""
    paragraph: List[Line] = []
    column = 0
    for number, line in enumerate(lines, 1):
        comment = re.match(r"(?P<code>[^\"']*?)//[/!]?<?(?P<text>.*)", line)
        text = comment.group("text").strip() if comment else ""
        after_code = comment and comment.group("code").strip()
        is_apart = not text or after_code or comment.end("code") != column or text.startswith(("- ", "* "))
        if is_apart and paragraph:
            yield paragraph
            paragraph = []
        column = comment.end("code") if comment else 0
        prose = text and not re.match(r"NOLINT|clang-format|----", text)
        if prose and not comment.group("text").startswith("    "):
            paragraph.append((number, text))
    if paragraph:
        yield paragraph


def plain(text: str) -> str:
    """Text with inline code as one word and links as their text."""
    text = re.sub(r"`[^`]*`", "code", text)
    return re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)


def sentences(file: str, paragraph: List[Line]) -> Iterator[Sentence]:
    text = ""
    starts: List[Tuple[int, int]] = []
    for number, line in paragraph:
        starts.append((len(text), number))
        text += line + " "
    begin = 0
    ends = [match.end() for match in SENTENCE_END.finditer(text) if not ABBREVIATION.search(text[: match.start() + 1])]
    for end in ends + [len(text)]:
        sentence = text[begin:end].strip()
        line = max(number for offset, number in starts if offset <= begin + 1)
        words = sum(1 for word in plain(sentence).split() if re.search(r"\w", word))
        if words:
            yield Sentence(words, file, line, sentence)
        begin = end


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comments", action="store_true", help="measure C++ comments instead of Markdown pages")
    parser.add_argument("--show", type=int, default=20, metavar="N", help="number of sentences to print")
    parser.add_argument("files", nargs="*", type=pathlib.Path, metavar="FILE")
    options = parser.parse_args()

    files = options.files or listing.files(*(["*.h", "*.cpp", "*.cu"] if options.comments else ["*.md"]))
    paragraphs_of = comment_paragraphs if options.comments else markdown_paragraphs
    found: List[Sentence] = []
    for file in files:
        for paragraph in paragraphs_of(file.read_text(encoding="utf-8").splitlines()):
            found.extend(sentences(listing.name_of(file), paragraph))

    found.sort(key=lambda sentence: (-sentence.words, sentence.file, sentence.line))
    for sentence in found[: options.show]:
        print(f"{sentence.words:3}  {sentence.file}:{sentence.line}: {sentence.text}")
    too_long = sum(sentence.words > MOST_WORDS for sentence in found)
    print(f"{len(found)} sentences, {too_long} above {MOST_WORDS} words")
    return 1 if too_long else 0


if __name__ == "__main__":
    sys.exit(main())

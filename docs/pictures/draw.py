#!/usr/bin/env python3
"""Draws the pictures of docs/concepts.md beside this file: python3 docs/pictures/draw.py

Colours follow the reader's light or dark scheme. Every picture has a background of its own, so that it is readable anywhere.
"""

import pathlib
from html import escape

STYLE = """
  .paper { fill: #ffffff } .box { fill: #f3f4f6; stroke: #6b7280 } .on { fill: #bfdbfe; stroke: #1d4ed8 }
  .off { fill: none; stroke: #9ca3af; stroke-dasharray: 3 3 } .hot { fill: #fed7aa; stroke: #c2410c }
  .line { stroke: #374151; fill: none } .tip { fill: #374151 } text { fill: #111827 } .dim { fill: #4b5563 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #111827 } .box { fill: #1f2937; stroke: #9ca3af } .on { fill: #1e3a8a; stroke: #93c5fd }
    .off { stroke: #6b7280 } .hot { fill: #7c2d12; stroke: #fdba74 }
    .line { stroke: #d1d5db } .tip { fill: #d1d5db } text { fill: #f9fafb } .dim { fill: #d1d5db }
  }
"""


class Picture:
    def __init__(self, width, height, title):
        self.size = (width, height)
        self.title = title
        self.parts = []

    def box(self, x, y, width, height, kind="box", text="", size=13):
        self.parts.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="4"/>')
        if text:
            self.text(x + width / 2, y + height / 2 + size * 0.36, text, size, "middle")

    def text(self, x, y, text, size=13, anchor="start", kind="", mono=False):
        family = ' font-family="monospace"' if mono else ""
        style = f' class="{kind}"' if kind else ""
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}"{style}{family} xml:space="preserve">'
            f"{escape(text)}</text>"
        )

    def arrow(self, x1, y1, x2, y2):
        self.parts.append(f'<line class="line" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" marker-end="url(#tip)"/>')

    def write(self, name):
        width, height = self.size
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img" font-family="Helvetica, Arial, \'Liberation Sans\', sans-serif">\n<title>{escape(self.title)}</title>\n'
            f'<style>{STYLE}</style>\n<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
            'markerHeight="8" orient="auto"><path class="tip" d="M0 0 L8 4 L0 8 z"/></marker></defs>\n'
            f'<rect class="paper" width="{width}" height="{height}"/>\n'
        )
        (pathlib.Path(__file__).parent / name).write_text(head + "\n".join(self.parts) + "\n</svg>\n")


def sweep_to_trials():
    p = Picture(760, 330, "A sweep file becomes configs, and each config becomes trials")
    p.text(20, 28, "sweep file", 14)
    p.box(20, 38, 190, 132)
    for row, line in enumerate(["axes:", "  selection: [learned, all]", "  top_n: [1, 2]", "when:", "  top_n:", "    {selection: learned}"]):
        p.text(28, 58 + 19 * row, line, 11, mono=True)
    p.box(20, 182, 190, 48)
    for row, line in enumerate(["folds: all", "seeds: 2"]):
        p.text(28, 202 + 19 * row, line, 11, mono=True)
    p.arrow(212, 104, 262, 104)
    p.text(270, 28, "configs", 14)
    names = ["learned, n=1", "learned, n=2", "all"]
    for row, name in enumerate(names):
        p.box(270, 58 + 40 * row, 130, 30, "on" if row == 1 else "box", name)
    p.arrow(402, 113, 462, 113)
    p.text(470, 28, "trials of this config (its runs)", 14)
    for fold in range(5):
        p.text(543 + 40 * fold, 54, f"fold {fold}", 11, "middle", "dim")
    for seed in (1, 2):
        p.text(515, 42 + 42 * seed, f"seed {seed}", 11, "end", "dim")
        for fold in range(5):
            done = (seed, fold) not in ((2, 3), (2, 4))
            p.box(526 + 40 * fold, 22 + 42 * seed, 34, 32, "on" if done else "off")
    p.text(526, 158, "blue: has a result in the store", 12, "start", "dim")
    p.text(526, 176, "dashed: trained by the next run", 12, "start", "dim")
    p.arrow(626, 190, 626, 222)
    p.box(470, 226, 270, 40, "box", "store: one result for each trial")
    p.text(20, 300, "3 configs x 5 folds x 2 seeds = 30 trials. A trial's id is the hash of its settings, fold, seed and data.", 13)
    p.text(20, 319, "Sweeps of a store that contain the same trial share its result.", 13)
    p.write("sweep-to-trials.svg")


def protocols():
    p = Picture(760, 392, "Which folds each protocol reads for the Score of fold 1")
    p.text(20, 28, "The Score of fold 1, for one config and one seed", 14)
    for fold in range(5):
        p.text(345 + 76 * fold, 54, f"fold {fold}", 12, "middle", "dim")

    def row(y, label, kinds, texts):
        for index, line in enumerate(label):
            p.text(20, y + 20 + 17 * index, line, 13)
        for fold in range(5):
            p.box(310 + 76 * fold, y, 70, 34, kinds[fold], texts[fold], 12)

    p.text(20, 76, "both protocols", 13, kind="dim")
    row(84, ["the model"], ["on", "off", "on", "on", "on"], ["train", "", "train", "train", "train"])
    p.text(20, 146, "paper-style (optimistic)", 13, kind="dim")
    row(154, ["epoch and thresholds", "that are best on"], ["off", "hot", "off", "off", "off"], ["", "choose", "", "", ""])
    row(198, ["", ""], ["off", "hot", "off", "off", "off"], ["", "measure", "", "", ""])
    p.text(20, 218, "the Score of", 13)
    p.text(20, 260, "held-out", 13, kind="dim")
    row(268, ["the last epoch, and", "thresholds that are best on"], ["on", "off", "on", "on", "on"], ["choose", "", "choose", "choose", "choose"])
    row(312, ["the Score of"], ["off", "hot", "off", "off", "off"], ["", "measure", "", "", ""])
    p.text(20, 368, "Folds 0, 2, 3 and 4 are predicted by the models that did not train on them. No two folds share an actor.", 13)
    p.text(20, 385, "Held-out hits are then counted over all five folds.", 13)
    p.write("protocols.svg")


def gate():
    p = Picture(760, 346, "The gate weighs the encoders of one clip, and top-n keeps the heaviest")
    heads = [(70, "encoder"), (225, "projection"), (345, "gate score"), (465, "top-n, n = 2"), (605, "weight")]
    for x, text in heads:
        p.text(x, 30, text, 14, "middle")
    rows = [("clip", "1.2", True, ".62"), ("wavlm", "0.7", True, ".38"), ("hubert", "0.1", False, "0"), ("imagebind", "-1.3", False, "0")]
    for index, (name, score, kept, weight) in enumerate(rows):
        y = 46 + 52 * index
        p.box(20, y, 100, 36, "box", name)
        p.arrow(122, y + 18, 168, y + 18)
        p.box(170, y, 110, 36, "box", "same width")
        p.arrow(282, y + 18, 318, y + 18)
        p.text(345, y + 23, score, 14, "middle")
        p.arrow(372, y + 18, 413, y + 18)
        p.box(415, y, 100, 36, "on" if kept else "off", "kept" if kept else "left out")
        p.arrow(517, y + 18, 576, y + 18)
        p.text(605, y + 23, weight, 14, "middle")
        if kept:
            p.arrow(626, y + 18, 664, 82)
    p.box(666, 64, 78, 36, "on", "sum", 13)
    p.arrow(705, 102, 705, 150)
    p.box(640, 152, 104, 34, "box", "presence", 13)
    p.box(640, 190, 104, 34, "box", "salience", 13)
    p.text(20, 280, "The gate scores are those of one clip. Another clip may keep other encoders.", 13)
    p.text(20, 299, "The weights are the softmax of the kept scores: exp(1.2) / (exp(1.2) + exp(0.7)) = .62.", 13)
    p.text(20, 318, "A clip is a blend where its second emotion has a probability of alpha or more,", 13)
    p.text(20, 337, "and its shares are 50/50 where the two probabilities differ by beta at most.", 13)
    p.write("gate.svg")


if __name__ == "__main__":
    sweep_to_trials()
    protocols()
    gate()

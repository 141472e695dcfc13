#!/usr/bin/env python3
"""The threshold search of one fold: Medley beside the official algorithm in Python, in one run.

usage: threshold_search.py PROGRAM [--rounds 5] [--clips 522]

PROGRAM is threshold_search_bench. `official` does what the official grid search does, cell by cell and clip by clip
with NumPy, written from its description; `numpy` decodes all clips of a cell at once, as fast as NumPy would do it.
All are given the same numbers and must find the same cell. The three take turns; medians of CPU time are compared (none uses a second
thread, and other programs on the machine count less than in wall time).
"""
import argparse
import json
import statistics
import struct
import subprocess
import tempfile
import time

import numpy as np

NEUTRAL = 5
GRID = np.linspace(0.05, 0.95, 20)


def make_fold(clips, seed=1):
    """Probabilities, and labels (first, second or -1, salience of the first) drawn near them."""
    random = np.random.default_rng(seed)
    p = random.dirichlet(np.full(6, 0.7), clips)
    labels = []
    for row in p:
        if random.random() < 0.5:
            labels.append((int(random.choice(6, p=row)), -1, 100))
        else:
            q = row[:5] / row[:5].sum()
            a, b = sorted(random.choice(5, 2, replace=False, p=0.9 * q + 0.02))
            labels.append((int(a), int(b), int(random.choice([30, 50, 70]))))
    return p, labels


def keep_top_two(p):
    order = np.argsort(-p, axis=1, kind="stable")[:, :2]
    mask = np.zeros_like(p, dtype=bool)
    np.put_along_axis(mask, order, True, axis=1)
    return p * mask


def decode_clip(row, alpha, beta):
    top = int(np.argmax(row))
    if row[top] < alpha:
        return {top: 100.0}
    row = row.copy()
    row[row < alpha] = 0
    present = np.where(row > 0)[0]
    if len(present) == 1:
        return {int(present[0]): 100.0}
    first, second = (int(c) for c in present)
    if second == NEUTRAL:
        return {first: 100.0} if row[first] >= row[NEUTRAL] else {NEUTRAL: 100.0}
    if abs(row[first] - row[second]) <= beta:
        return {first: 50.0, second: 50.0}
    return {first: 70.0, second: 30.0} if row[first] > row[second] else {first: 30.0, second: 70.0}


def search_official(p, truth):
    p = keep_top_two(p)
    best = None
    for i, alpha in enumerate(GRID):
        for j, beta in enumerate(GRID):
            said = {clip: decode_clip(row, alpha, beta) for clip, row in enumerate(p)}
            presence = salience = blends = 0
            for clip, right in truth.items():
                same_set = said[clip].keys() == right.keys()
                presence += same_set
                if len(right) == 2:
                    blends += 1
                    salience += same_set and all(round(said[clip][c]) == round(s) for c, s in right.items())
            score = (presence / len(truth) + salience / blends) / 2
            if best is None or score > best[0]:
                best = (score, i, j)
    return best


def search_numpy(p, labels):
    order = np.argsort(-p, axis=1, kind="stable")[:, :2]
    rows = np.arange(len(p))
    p1, p2 = p[rows, order[:, 0]], p[rows, order[:, 1]]
    low, high = order.min(axis=1), order.max(axis=1)
    with_neutral = high == NEUTRAL
    gap = np.abs(p1 - p2)
    larger = np.where(p[rows, low] > p[rows, high], 70, 30)
    alone = np.where(with_neutral & (p1 == p2), low, order[:, 0])
    right = np.array(labels)
    blend = right[:, 1] >= 0
    best = None
    for i, alpha in enumerate(GRID):
        both = (p1 >= alpha) & (p2 >= alpha) & ~with_neutral
        first = np.where(both, low, np.where(p2 >= alpha, alone, order[:, 0]))
        second = np.where(both, high, -1)
        same_set = (first == right[:, 0]) & (second == right[:, 1])
        presence = same_set.mean()
        for j, beta in enumerate(GRID):
            said = np.where(gap <= beta, 50, larger)
            salience = (same_set & blend & (said == right[:, 2])).sum() / blend.sum()
            score = (presence + salience) / 2
            if best is None or score > best[0]:
                best = (score, i, j)
    return best


def search_medley(program, path):
    command = [program, "--input", path, "--benchmark_filter=one_pass", "--benchmark_format=json",
               "--benchmark_min_time=0.2"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["benchmarks"][0]
    assert found["time_unit"] == "us"
    return found["cpu_time"] * 1e-6, (found["score"], int(found["alpha"]), int(found["beta"]))


def timed(search, *given):
    start = time.process_time()
    best = search(*given)
    return time.process_time() - start, best


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clips", type=int, default=522)
    arguments = parser.parse_args()
    p, labels = make_fold(arguments.clips)
    truth = {clip: {a: 100.0} if b < 0 else {a: float(s), b: 100.0 - s} for clip, (a, b, s) in enumerate(labels)}
    times = {"medley": [], "official": [], "numpy": []}
    with tempfile.NamedTemporaryFile() as file:
        file.write(struct.pack("<i", len(p)) + p.astype("<f8").tobytes() + np.array(labels, "<i4").tobytes())
        file.flush()
        for _ in range(arguments.rounds):
            seconds, ours = search_medley(arguments.program, file.name)
            times["medley"].append(seconds)
            for name, search, given in (("official", search_official, truth), ("numpy", search_numpy, labels)):
                seconds, best = timed(search, p, given)
                times[name].append(seconds)
                assert best[1:] == ours[1:] and abs(best[0] - ours[0]) < 1e-12, (name, best, ours)
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"threshold search, {len(p)} clips x 400 cells, median CPU time of {arguments.rounds} rounds, same cell found by all")
    for name, label in (("medley", "medley, one pass"), ("numpy", "NumPy, a cell at once"),
                        ("official", "official algorithm")):
        spread = f"{min(times[name]) * 1e6:.1f} to {max(times[name]) * 1e6:.1f}"
        ratio = f"{medians[name] / medians['medley']:.0f} x"
        print(f"  {label:<22} {medians[name] * 1e6:12.1f} us  ({spread})  {ratio if name != 'medley' else ''}".rstrip())


if __name__ == "__main__":
    main()

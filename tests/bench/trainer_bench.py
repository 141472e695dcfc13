#!/usr/bin/env python3
"""Training beside PyTorch's for-loop and beside the machine's own bounds, in CPU seconds of one core.

    tests/bench/trainer_bench.py build/release/bin/medley-worker --repeats 9

For each shape it prints epochs a CPU second of PyTorch and of Medley, their ratio, the ratio to PyTorch with the official
search of thresholds after each epoch (Medley's epochs include theirs), and the share of the roofline. All programs take
turns, and numbers are medians. The projection has 256 columns, batches have 32 clips, and 1,965 of 2,456 clips train.

The roofline is the time in which this core can do the work that an epoch needs. Products run at the rate of `roofline`
from the caches. Weights are read once a step. Weights and both moments are read and written once a step, at the rate of
its streams. Each of the two phases takes the longer of products and streams. Rows of encoders that a clip does not keep
need no backward product.

--check exits with 1 where a ratio is below the one that docs/speed.md states.
"""
import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys

CLIPS, BATCH, WIDTH, GATE, FUSED, TOP_N = 2456, 32, 256, 64, 512, 4
ROWS = CLIPS - (CLIPS + 4) // 5
# Encoders and columns of each; epochs timed.
SHAPES = [(12, 1024, 3), (5, 7168, 2), (20, 256, 6), (4, 12, 20)]


def stated_ratios():
    """{(encoders, columns): (to PyTorch, to PyTorch with search)} of the table in docs/speed.md."""
    page = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "speed.md")
    with open(page, encoding="utf-8") as file:
        rows = re.findall(r"^\| (\d+) x (\d+) \| ([\d.]+) \| ([\d.]+) \|$", file.read(), re.MULTILINE)
    return {(int(encoders), int(dim)): (float(plain), float(search)) for encoders, dim, plain, search in rows}


def epoch_bound(encoders, dim, machine):
    """CPU seconds of the least work of an epoch."""
    flops, read, update = machine["gflops"] * 1e9, machine["read_gb_s"] * 1e9, machine["update_gb_s"] * 1e9
    kept = min(TOP_N, encoders) / encoders
    weights = encoders * dim * WIDTH
    gate, fusion = WIDTH * GATE, WIDTH * FUSED

    def phase(products, seconds_of_streams):
        return max(2 * products / flops, seconds_of_streams)

    forward = phase(BATCH * (weights + encoders * gate + fusion), 4 * weights / read)
    backward = phase(BATCH * (kept * weights + 2 * kept * encoders * gate + 2 * fusion),
                     24 * (weights + gate + fusion) / update)
    return math.ceil(ROWS / BATCH) * (forward + backward) + (CLIPS - ROWS) / BATCH * forward


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("worker", help="path of medley-worker; roofline lies beside it")
    parser.add_argument("--python", default="/usr/bin/python3", help="a Python that has torch")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--check", action="store_true", help="fail below the stated ratios")
    args = parser.parse_args()
    env = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    reference = os.path.join(os.path.dirname(os.path.abspath(__file__)), "reference_trainer.py")
    roofline = os.path.join(os.path.dirname(os.path.abspath(args.worker)), "roofline")

    def output_of(*command):
        return json.loads(subprocess.run([str(word) for word in command], env=env, check=True,
                                         stdout=subprocess.PIPE).stdout)

    below, stated = [], stated_ratios()
    print("epochs a CPU second, median of %d     PyTorch  Medley   ratio  with search  roofline" % args.repeats)
    for encoders, dim, epochs in SHAPES:
        ours, theirs, searching, bounds = [], [], [], []
        shape = ["--encoders", encoders, "--dim", dim, "--epochs", epochs]
        for _ in range(args.repeats):
            said = output_of(args.python, reference, *shape)
            theirs.append(said["epochs_per_cpu_second"])
            searching.append(said["with_search"])
            said = output_of(args.worker, "bench", "--json", "--repeats", 1, "--packs", 1, *shape)[0]
            ours.append(said["epochs_per_cpu_second_per_trial"])
            megabytes = max(1, encoders * dim * WIDTH * 4 >> 20)
            bounds.append(1 / epoch_bound(encoders, dim, output_of(roofline, BATCH, dim, WIDTH, megabytes)))
        name = "%d x %d" % (encoders, dim)
        own = statistics.median(ours)
        ratios = [own / statistics.median(theirs), own / statistics.median(searching)]
        print("%-33s %9.2f %7.2f  %5.2fx       %5.2fx     %4.0f %%"
              % (name, statistics.median(theirs), own, *ratios, 100 * own / statistics.median(bounds)), flush=True)
        for ratio, least, peer in zip(ratios, stated[encoders, dim], ["PyTorch", "PyTorch with search"]):
            if ratio < least:
                below.append("%s: %.2f times %s, stated: %.2f" % (name, ratio, peer, least))
    if args.check and below:
        print("\n".join(below), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

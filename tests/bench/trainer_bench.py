#!/usr/bin/env python3
"""Fused trials against PyTorch's for-loop, in one run, interleaved: medians, and their ratios.

    tests/bench/trainer_bench.py build/release/bin/medley-worker --repeats 5

The workload is 12 encoders of 1024 -> 256, batches of 32, 1,965 training clips of 2,456. One thread each. Wall-clock
numbers mean something on an idle machine only; CPU-second numbers are printed beside them.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("worker", help="path of medley-worker")
    parser.add_argument("--python", default="/usr/bin/python3", help="a Python that has torch")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--packs", default="1,4,8")
    parser.add_argument("--shape", nargs="*", default=[], help="passed to both, e.g. --shape=--dim=128")
    args = parser.parse_args()
    env = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    reference = os.path.join(os.path.dirname(os.path.abspath(__file__)), "reference_trainer.py")
    packs = [int(p) for p in args.packs.split(",")]
    wall = {name: [] for name in ["PyTorch"] + packs}
    cpu = {name: [] for name in wall}

    def output_of(command):
        return json.loads(subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE).stdout)

    for _ in range(args.repeats):
        said = output_of([args.python, reference] + args.shape)
        wall["PyTorch"].append(said["epochs_per_second"])
        cpu["PyTorch"].append(said["epochs_per_cpu_second"])
        for pack in packs:
            said = output_of([args.worker, "bench", "--json", "--repeats", "1", "--packs", str(pack)] + args.shape)[0]
            wall[pack].append(said["epochs_per_second_per_trial"])
            cpu[pack].append(said["epochs_per_cpu_second_per_trial"])
    base_wall, base_cpu = statistics.median(wall["PyTorch"]), statistics.median(cpu["PyTorch"])
    print("trial epochs a second, median of %d   wall   ratio     CPU   ratio" % args.repeats)
    for name in wall:
        label = name if name == "PyTorch" else "pack of %d" % name
        w, c = statistics.median(wall[name]), statistics.median(cpu[name])
        print("%-35s %6.2f  %5.2fx  %6.2f  %5.2fx" % (label, w, w / base_wall, c, c / base_cpu))
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""What scheduling costs: trials a second with 1, 2, 4, 8 workers whose trainer does nothing, and the coordinator's CPU
time for each trial. Real coordinator, store and TCP connections; only the training is left out.

    tests/bench/cluster_bench.py BUILD [--trials N]
"""
import argparse
import os
import subprocess
import tempfile
import time


def cpu_seconds(pid):
    """User and system time of one process (without its children), also of one that has ended and was not waited for."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(bin_folder, workers, trials):
    with tempfile.TemporaryDirectory(prefix="medley-bench-") as folder:
        behaviour = os.path.join(folder, "behaviour")
        with open(behaviour, "w") as file:
            file.write("train_ms 0\n")
        command = [
            os.path.join(bin_folder, "fake_run"), os.path.join(folder, "store"), str(trials // 2), str(workers),
            os.path.join(bin_folder, "fake_worker"), "--capacity", "4", "--behaviour", behaviour,
        ]
        begin = time.monotonic()
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.waitid(os.P_PID, run.pid, os.WEXITED | os.WNOWAIT)
        seconds = time.monotonic() - begin
        cpu = cpu_seconds(run.pid)
        if run.wait() != 0:
            raise SystemExit(f"fake_run ended with {run.returncode}")
        return trials / seconds, cpu / trials


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", help="build folder, such as build/release")
    parser.add_argument("--trials", type=int, default=4000)
    arguments = parser.parse_args()
    print(f"{arguments.trials} trials, trainer that does nothing, packs of up to 4, {os.cpu_count()} cores")
    print("workers  trials/s  coordinator CPU ms/trial")
    for workers in (1, 2, 4, 8):
        rate, cpu = measure(os.path.join(arguments.build, "bin"), workers, arguments.trials)
        print(f"{workers:7d}  {rate:8.0f}  {cpu * 1000:24.2f}")


if __name__ == "__main__":
    main()

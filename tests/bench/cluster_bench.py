#!/usr/bin/env python3
"""What scheduling costs: trials a second with 1, 2, 4, 8 workers whose trainer does nothing, and the coordinator's CPU
time for each trial. Real coordinator, store and TCP connections; only the training is left out. Then the same with the
real trainer on the reference workload (12 encoders x 1024 -> 256, batch 32, about 1,965 training clips), and one trial
of it by a gang.

    tests/bench/cluster_bench.py BUILD [--trials N]
"""
import argparse
import json
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
            file.write("train_ms 0\nno_checkpoint *\n")
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


def run(command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)


REFERENCE = {"projection_dim": 256, "gate_dim": 64, "fusion_dim": 256, "batch_size": 32, "top_n": 8}


def reference(bin_folder, folder, epochs):
    """Trials a second of `medley run` with 1, 2, 4 and 8 workers; a worker is one thread."""
    medley = os.path.join(bin_folder, "medley")
    data = os.path.join(folder, "data")
    run([medley, "data", "make", data, "--encoders", "12", "--dim", "1024", "--actors", "46", "--test-actors", "1"])
    sweep = os.path.join(folder, "sweep.yaml")
    with open(sweep, "w") as file:
        json.dump({"name": "reference", "dataset": data, "base": {**REFERENCE, "epochs": epochs}, "seeds": 4,
                   "folds": [0, 1, 2, 3]}, file)  # JSON is YAML
    trials = 16
    print(f"\nreference workload: {trials} trials of {epochs} epochs, {os.cpu_count()} cores, start to end")
    print("workers  trials/s")
    for workers in (1, 2, 4, 8):
        begin = time.monotonic()
        run([medley, "--store", os.path.join(folder, f"store{workers}"), "run", sweep, "--no-web", "--workers",
             str(workers)])
        print(f"{workers:7d}  {trials / (time.monotonic() - begin):8.2f}")
    return data


def gangs(bin_folder, folder, data, epochs):
    """Clips a second of one trial on one rank and on a gang of two, in turn, three times; medians."""
    environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    print("\nranks  batch  clips/s of one trial")
    for batch in (32, 256):
        settings = os.path.join(folder, f"batch{batch}.yaml")
        with open(settings, "w") as file:
            json.dump({**REFERENCE, "batch_size": batch, "epochs": epochs}, file)
        speeds = {1: [], 2: []}
        for _ in range(3):
            for ranks, of_rank in speeds.items():
                out = os.path.join(folder, "result.json")
                run(["mpirun", "--oversubscribe", "-n", str(ranks), os.path.join(bin_folder, "medley-worker"), "train",
                     settings, "--data", data, "--out", out], env=environment)
                with open(out) as file:
                    of_rank.append(json.load(file)["result"]["samples_per_second"])
        for ranks, of_rank in speeds.items():
            print(f"{ranks:5d}  {batch:5d}  {sorted(of_rank)[1]:8.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", help="build folder, such as build/release")
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=2, help="of each trial of the reference workload")
    arguments = parser.parse_args()
    print(f"{arguments.trials} trials, trainer that does nothing, packs of up to 4, {os.cpu_count()} cores")
    print("workers  trials/s  coordinator CPU ms/trial")
    for workers in (1, 2, 4, 8):
        rate, cpu = measure(os.path.join(arguments.build, "bin"), workers, arguments.trials)
        print(f"{workers:7d}  {rate:8.0f}  {cpu * 1000:24.2f}")
    with tempfile.TemporaryDirectory(prefix="medley-bench-") as folder:
        bin_folder = os.path.join(arguments.build, "bin")
        data = reference(bin_folder, folder, arguments.epochs)
        gangs(bin_folder, folder, data, arguments.epochs)


if __name__ == "__main__":
    main()

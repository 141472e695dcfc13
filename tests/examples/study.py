"""A small trained study for tests of what reads one."""

import pathlib
import subprocess

SWEEP = """
name: study
dataset: data
base: {epochs: 2, projection_dim: 16, fusion_dim: 16, head: decoupled}
axes:
  encoders: [all, leave-one-out, singles]
  top_n: [1, 2]
impossible: skip
seeds: 2
reference: {encoders: all, top_n: 2}
compare: {axis: top_n, baseline: 2}
"""
AXES = {"encoders", "top_n"}
RUNS = 3 * 2  # folds and seeds of each config


class Study:
    def __init__(self, medley: str, folder: str):
        self.medley = medley
        self.folder = pathlib.Path(folder)
        (self.folder / "study.yaml").write_text(SWEEP)
        shape = "--encoders 3 --dim 8 --actors 6 --test-actors 2 --copies 0 --folds 3"
        self.run("data", "make", "data", *shape.split())
        self.run("run", "study.yaml", "--no-web")

    def run(self, *words: str) -> str:
        """What a command of medley prints."""
        result = subprocess.run([self.medley, *words], cwd=self.folder, capture_output=True, text=True)
        if result.returncode != 0:
            raise AssertionError(f"medley {' '.join(words)}: {result.stderr}")
        return result.stdout

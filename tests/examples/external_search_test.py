"""An external search from end to end: a program sends configs to a running sweep and hears of their Scores.
   external_search_test.py MEDLEY"""

import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples" / "python"))
from medley_external import ExternalSearch, Refused  # noqa: E402

SWEEP = """
name: outside
dataset: data
base: {epochs: 2, encoders: all}
seeds: 1
folds: [0, 1]
search: {external: 5}
"""


def refusal(action):
    try:
        action()
    except Refused as error:
        return str(error)
    raise AssertionError("it was not refused")


def optuna_or_none():
    try:
        import optuna

        return optuna
    except ImportError:
        return None


def main(medley):
    with tempfile.TemporaryDirectory() as folder:
        store = f"{folder}/store"
        make = ["data", "make", f"{folder}/data", "--actors", "6", "--test-actors", "1", "--dim", "8", "--folds", "3"]
        subprocess.run([medley, *make], check=True, stdout=subprocess.DEVNULL)
        pathlib.Path(f"{folder}/outside.yaml").write_text(SWEEP)
        start = [medley, "run", f"{folder}/outside.yaml", "--store", store, "--workers", "1", "--web-port", "0"]
        run = subprocess.Popen(start, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            while not pathlib.Path(f"{store}/control.json").exists():
                assert run.poll() is None, run.stderr.read()
                time.sleep(0.1)
            search = ExternalSearch(store)
            first = search.add([{"selection": "all"}, {"selection": "learned", "top_n": 1}])
            assert search.add([{"selection": "all"}]) == first[:1], "the same config has the same id"
            scores = search.wait(first, 0.2)
            assert all(0 <= score <= 1 for score in scores), scores
            assert "selektion" in refusal(lambda: search.add([{"selektion": "all"}]))
            assert "config 2: top_n" in refusal(lambda: search.add([{"dropout": 0.1}, {"top_n": 99}]))
            assert "5 configs" in refusal(lambda: search.add([{"dropout": d / 10} for d in range(1, 8)]))

            # Killed and started again, it knows what it was sent.
            run.kill()
            run.communicate()
            run = subprocess.Popen(start, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            while True:
                assert run.poll() is None, run.stderr.read()
                try:
                    search = ExternalSearch(store)
                    again = search.wait(first, 0.2)
                    break
                except (OSError, ValueError):
                    time.sleep(0.1)
            assert again == scores, (again, scores)
            last = search.add([{"dropout": 0.5}])
            search.finish()
            assert "takes no configs" in refusal(lambda: search.add([{"dropout": 0.4}]))
            out, err = run.communicate(timeout=120)
            assert run.returncode == 0, err
            assert "dropout=0.5" in out and len(last) == 1, out
        finally:
            if run.poll() is None:
                run.kill()
            run.communicate()

        optuna = optuna_or_none()
        if optuna is None:
            print("without Optuna: its example was only compiled")
            compile((ROOT / "examples/python/optuna_search.py").read_text(), "optuna_search.py", "exec")
            return
        run = subprocess.Popen([*start[:-6], *start[-6:-5], f"{folder}/optuna", *start[-4:]], stderr=subprocess.DEVNULL)
        try:
            while not pathlib.Path(f"{folder}/optuna/control.json").exists():
                assert run.poll() is None
                time.sleep(0.1)
            example = [sys.executable, str(ROOT / "examples/python/optuna_search.py"), f"{folder}/optuna", "5"]
            said = subprocess.run(example, check=True, stdout=subprocess.PIPE, text=True, timeout=300).stdout
            assert "5 configs, the best so far" in said, said
            assert run.wait(120) == 0
        finally:
            if run.poll() is None:
                run.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])

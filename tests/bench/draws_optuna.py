"""The spaces of draws.cpp with Optuna's samplers.   draws_optuna.py [searches=100]"""

import sys
import warnings

import numpy as np
import optuna

NOISE = 0.0036
WORTH = [0.06, 0.04, 0.025, 0.01, -0.005, -0.01]


def conditional(trial):
    kind = trial.suggest_categorical("selection", ["learned", "all"])
    x = trial.suggest_float("a", 0, 1)
    if kind == "all":
        return 0.385 - 0.3 * (x - 0.4) ** 2
    return 0.4 - 0.3 * (x - 0.4) ** 2 - 0.15 * (trial.suggest_float("b", 0, 1) - 1 / 3) ** 2


def ranges(trial):
    return 0.4 - sum(0.2 / k * (trial.suggest_float(str(k), 0, 1) - 0.15 * k) ** 2 for k in range(1, 6))


def subsets(trial):
    mask = trial.suggest_categorical("encoders", list(range(1, 64)))
    return 0.265 + sum(WORTH[e] for e in range(6) if mask >> e & 1)


def regret(world, sampler, configs, seed):
    random = np.random.default_rng(seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    truths = []
    while len(truths) < configs:
        asked = [study.ask() for _ in range(min(10 if not truths else 8, configs - len(truths)))]
        measured = []
        for trial in asked:
            truths.append(world(trial))
            measured.append(truths[-1] + random.normal(0, NOISE))
        for trial, score in zip(asked, measured):
            study.tell(trial, score)
    return 0.4 - truths[study.best_trial.number]


def main(searches=100):
    warnings.filterwarnings("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    samplers = {
        "TPE": lambda seed: optuna.samplers.TPESampler(seed=seed, constant_liar=True),
        "TPE, multivariate": lambda seed: optuna.samplers.TPESampler(
            seed=seed, constant_liar=True, multivariate=True, group=True
        ),
    }
    print("| space | configs | " + " | ".join(samplers) + " |\n|---|---|---|---|")
    for world in (conditional, ranges, subsets):
        for configs in (20, 40, 80):
            means = [np.mean([regret(world, make(s), configs, s) for s in range(searches)]) for make in samplers.values()]
            print(f"| {world.__name__} | {configs} | " + " | ".join(f"{mean:.4f}" for mean in means) + " |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

"""Optuna chooses the configs of a sweep, Medley trains them in every fold.

    medley run examples/external.yaml &            # waits for configs
    python3 examples/python/optuna_search.py medley-store 40

Needs Optuna 3 (Debian: python3-optuna). Each round asks for as many configs as the workers are busy with; a config is told
with its held-out Score over all folds and seeds.
"""

import sys

import optuna

from medley_external import ExternalSearch, Refused

ROUND = 8


def settings_of(trial):
    """What the sampler may choose. Names and values are those of a sweep file."""
    settings = {
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
        "dropout": trial.suggest_float("dropout", 0.0, 0.6),
        "selection": trial.suggest_categorical("selection", ["learned", "all"]),
    }
    if settings["selection"] == "learned":
        settings["top_n"] = trial.suggest_int("top_n", 1, 3)
    return settings


def main(store, configs):
    search = ExternalSearch(store)
    sampler = optuna.samplers.TPESampler(seed=1, constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    while len(study.trials) < configs:
        asked = []
        for _ in range(min(ROUND, configs - len(study.trials))):
            trial = study.ask()
            try:
                asked.append((trial, search.add([settings_of(trial)])[0]))
            except Refused as error:
                print(f"config {trial.number}: {error}")
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
        for (trial, _), score in zip(asked, search.wait([id for _, id in asked])):
            if score is None:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, score)
        best = study.best_trial
        print(f"{len(study.trials)} configs, the best so far: {best.value:.3f} with {best.params}", flush=True)
    search.finish()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

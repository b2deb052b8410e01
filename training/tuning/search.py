"""The search: trials one after another, each where the earlier ones were good."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from training.errors import TuningError
from training.files import explained_disk_errors
from training.trials.settings import Length, usual
from training.trials.subject import Subject
from training.tuning.space import parameters, suggest

Say = Callable[[FrozenTrial], None]
"""Is told each trial at its end."""

STARTING = 5
"""So many complete trials are needed before others are ended early."""


def open_study(subject: Subject, length: Length, file: Path, seed: int) -> optuna.Study:
    """The study in `file`, which is made if it isn't there.

    Tree-structured Parzen estimators choose the settings (Bergstra et al., 2011). A trial ends
    early if it is worse than the median of the earlier ones was at that point.

    Raises:
        TuningError: the study there was made with trials of another length, or is damaged.
        DiskFullError, NotWritableError: the file can't be written.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with explained_disk_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        study = _loaded(subject, file)
    _check_length(study, length, file)
    # Other random numbers than before, or a search that goes on would repeat its first trials.
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials))
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTING)
    return study


def _loaded(subject: Subject, file: Path) -> optuna.Study:
    try:
        return optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(file))),
            study_name=subject.name,
            direction=subject.direction,
            load_if_exists=True,
        )
    except (ValueError, KeyError) as error:
        raise TuningError(f"{file} is damaged: delete it, or name another with --study.") from error


def _check_length(study: optuna.Study, length: Length, file: Path) -> None:
    wanted = asdict(length)
    there = study.user_attrs.get("length")
    if there is None:
        study.set_user_attr("length", wanted)
    elif there != wanted:
        raise TuningError(
            f"{file} has trials with {there['examples']} examples, seen "
            f"{there['seen'] / there['examples']:g} times: give the same --examples and --passes, "
            "or another --study."
        )


def search(
    study: optuna.Study, subject: Subject, length: Length, minutes: float, seed: int, say: Say
) -> None:
    """Make trials for so many minutes; the first one of a study has the usual settings.

    A trial that is under way when the time is over ends with its next report. One that was
    killed in an earlier search is made again. The test part isn't looked at.
    """
    deadline = time.monotonic() + minutes * 60
    usual_parameters = parameters(usual(subject.name), subject, length.examples)
    study.enqueue_trial(usual_parameters, skip_if_exists=True)
    for interrupted in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(interrupted.number, state=TrialState.FAIL)
        study.enqueue_trial(interrupted.params)

    def objective(trial: optuna.Trial) -> float:
        def tell(number: int, value: float) -> None:
            trial.report(value, number)
            if trial.should_prune() or time.monotonic() > deadline:
                raise optuna.TrialPruned

        settings = suggest(trial, subject, length.examples)
        _, value = subject.train(settings, length, seed, tell)
        if not math.isfinite(value):
            raise optuna.TrialPruned
        return value

    study.optimize(objective, timeout=minutes * 60, callbacks=[lambda _, trial: say(trial)])

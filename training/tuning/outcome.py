"""What a search has found: as a table, as a command, as a picture, and on the test part."""

from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from rich.table import Table

from training import plots
from training.errors import TuningError
from training.trials.settings import Length, Settings, usual
from training.trials.subject import Subject
from training.tuning.space import found

SHOWN = 10
"""The table has so many trials."""

FEW = 4
"""With fewer complete trials, nothing can be said about the importance of a parameter."""


def best_settings(study: optuna.Study, subject: Subject) -> Settings:
    """The settings of the best trial.

    Raises:
        TuningError: no trial was completed.
    """
    if not study.get_trials(states=(TrialState.COMPLETE,)):
        raise TuningError("The time was over before a trial was complete: add --minutes.")
    return found(study.best_params, subject)


def table(study: optuna.Study, subject: Subject) -> Table:
    """The best trials, the best one first."""
    complete = study.get_trials(states=(TrialState.COMPLETE,))
    best = sorted(complete, key=_value, reverse=subject.direction == "maximize")[:SHOWN]
    rows = Table("trial", f"{subject.measure}, validation", "seconds", "settings")
    for trial in best:
        rows.add_row(
            f"{trial.number}", f"{_value(trial):.4f}", f"{_seconds(trial):.0f}", _settings(trial)
        )
    return rows


def line(trial: FrozenTrial) -> str:
    """A trial that has just ended."""
    end = "" if trial.state == TrialState.COMPLETE else " when it was ended early"
    value = "no value" if trial.value is None else f"{trial.value:.4f}"
    return f"trial {trial.number}: {value}{end}, after {_seconds(trial):.0f} s ({_settings(trial)})"


def command(settings: Settings, subject: Subject) -> str:
    """The command that trains with what was found, and which settings it can't be told."""
    default = usual(subject.name)
    others = [
        f"{_words(name)} {_short(getattr(settings, name))}"
        for name in subject.adjustable
        if name not in ("optimizer", "learning_rate", "batch_size")
        and getattr(settings, name) != getattr(default, name)
    ]
    typed = (
        f"python -m training {subject.name} --optimizer {settings.optimizer} "
        f"--learning-rate {_short(settings.learning_rate)} --batch-size {settings.batch_size} "
        "--version 2"
    )
    if not others:
        return typed
    return f"{typed}\nThe command has no options for the rest: {', '.join(others)}."


def compared(settings: Settings, subject: Subject, length: Length, seed: int) -> str:
    """Train with these and with the usual settings, with new random numbers; the test figures."""

    def measured(chosen: Settings) -> float:
        model, _ = subject.train(chosen, length, seed + 1, lambda _number, _value: None)
        return subject.test(model)

    return (
        f"On the test part, trained once more in the same way: {subject.measure} "
        f"{measured(settings):.4f}, with the usual settings {measured(usual(subject.name)):.4f}."
    )


def picture(study: optuna.Study, subject: Subject) -> bytes:
    """A PNG file: the value over the trials, and over each parameter."""
    trials = [trial for trial in study.trials if trial.value is not None]
    shares = _importances(study)
    distributions = {name: each for trial in trials for name, each in trial.distributions.items()}
    titles = {
        name: _words(name) + (f" ({shares[name]:.0%})" if name in shares else "")
        for name in sorted(distributions, key=lambda name: (-shares.get(name, 0), name))
    }
    return plots.search(
        [_value(trial) for trial in trials],
        [trial.state == TrialState.COMPLETE for trial in trials],
        {title: [trial.params.get(name) for trial in trials] for name, title in titles.items()},
        f"{subject.measure}, validation",
        logarithmic=[
            title for name, title in titles.items() if getattr(distributions[name], "log", False)
        ],
        highest_is_best=subject.direction == "maximize",
    )


def _importances(study: optuna.Study) -> dict[str, float]:
    """Each parameter's share of the differences (PED-ANOVA, Watanabe et al., 2023)."""
    if len(study.get_trials(states=(TrialState.COMPLETE,))) < FEW:
        return {}
    return optuna.importance.get_param_importances(study)


def _value(trial: FrozenTrial) -> float:
    """The value at the end; Optuna gives an early end its last report's."""
    return float(trial.values[0])


def _seconds(trial: FrozenTrial) -> float:
    return trial.duration.total_seconds() if trial.duration else 0.0


def _settings(trial: FrozenTrial) -> str:
    return ", ".join(f"{_words(name)} {_short(value)}" for name, value in trial.params.items())


def _words(name: str) -> str:
    return name.replace("_", " ")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)

"""The search itself, with a model whose training takes no time."""

import time
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from training.errors import TuningError
from training.trials.settings import Length, Settings, usual
from training.tuning import outcome
from training.tuning.search import open_study, search

LENGTH = Length(examples=1000, seen=5000)


class Quick:
    """A model that is best with a rate of 0.01 and batches of 64."""

    name = "digits"
    measure = "accuracy"
    direction = "maximize"
    adjustable = ("optimizer", "learning_rate", "batch_size", "activation", "dropout")
    smallest_batch = 1

    def __init__(self, seconds: float = 0, most: int = 10**9) -> None:
        self.tried: list[Settings] = []
        self.tested: list[Settings] = []
        self.seconds = seconds
        self.most = most

    def train(self, settings: Settings, length: Length, seed: int, tell: Any) -> tuple[Any, float]:
        self.tried.append(settings)
        if len(self.tried) > self.most:
            raise KeyboardInterrupt
        assert length == LENGTH
        value = 0.9 - abs(settings.learning_rate - 0.01) - abs(settings.batch_size - 64) / 2000
        for number in (1, 2, 3):
            time.sleep(self.seconds)
            tell(number, value * (0.7 + 0.1 * number))
        return settings, value

    def test(self, model: Any) -> float:
        self.tested.append(model)
        return 0.5


def made(file: Path, quick: Any, trials: int) -> optuna.Study:
    """A study after so many more trials."""
    study = open_study(quick, LENGTH, file, seed=0)
    wanted = len(study.trials) + trials

    def stop(trial: optuna.trial.FrozenTrial) -> None:
        if trial.number + 1 >= wanted:
            study.stop()

    search(study, quick, LENGTH, minutes=10, seed=0, say=stop)
    return study


def test_the_first_trial_has_the_usual_settings(tmp_path: Path) -> None:
    quick: Any = Quick()
    made(tmp_path / "study", quick, 3)
    assert quick.tried[0] == usual("digits")
    assert len(set(quick.tried)) == 3


def test_it_finds_better_settings_and_ends_bad_trials_early(tmp_path: Path) -> None:
    quick: Any = Quick()
    study = made(tmp_path / "study", quick, 40)
    assert outcome.best_settings(study, quick) != usual("digits")
    assert study.best_value > 0.885
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE, TrialState.PRUNED}
    assert quick.tested == []


def test_a_search_goes_on_where_it_ended(tmp_path: Path) -> None:
    first: Any = Quick()
    second: Any = Quick()
    made(tmp_path / "study", first, 2)
    study = made(tmp_path / "study", second, 2)
    assert [trial.number for trial in study.trials] == [0, 1, 2, 3]
    assert len(second.tried) == 2
    assert not set(first.tried) & set(second.tried)


def test_a_search_is_repeatable(tmp_path: Path) -> None:
    quick: list[Any] = [Quick(), Quick()]
    for number, each in enumerate(quick):
        made(tmp_path / str(number), each, 6)
    assert quick[0].tried == quick[1].tried


def test_a_trial_whose_program_was_killed_is_made_again(tmp_path: Path) -> None:
    quick: Any = Quick()
    study = open_study(quick, LENGTH, tmp_path / "study", seed=0)
    killed = study.ask({"optimizer": optuna.distributions.CategoricalDistribution(["adam", "sgd"])})
    study = made(tmp_path / "study", quick, 3)
    assert study.trials[killed.number].state == TrialState.FAIL
    optimizers = [trial.params["optimizer"] for trial in study.trials[1:]]
    assert killed.params["optimizer"] in optimizers
    assert TrialState.RUNNING not in {trial.state for trial in study.trials}


def test_what_was_done_before_an_interruption_is_kept(tmp_path: Path) -> None:
    quick: Any = Quick(most=2)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "study", quick, 5)
    study = made(tmp_path / "study", Quick(), 1)
    assert [trial.state for trial in study.trials[:2]] == [TrialState.COMPLETE] * 2


def test_the_budget_ends_the_search_and_the_trial_that_is_under_way(tmp_path: Path) -> None:
    quick: Any = Quick(seconds=0.2)
    study = open_study(quick, LENGTH, tmp_path / "study", seed=0)
    search(study, quick, LENGTH, minutes=0.05 / 60, seed=0, say=lambda _: None)
    assert [trial.state for trial in study.trials] == [TrialState.PRUNED]
    assert study.trials[0].last_step == 1
    with pytest.raises(TuningError, match="--minutes"):
        outcome.best_settings(study, quick)


def test_trials_of_another_length_are_refused(tmp_path: Path) -> None:
    quick: Any = Quick()
    made(tmp_path / "study", quick, 1)
    with pytest.raises(TuningError, match="seen 5 times"):
        open_study(quick, Length(500, 5000), tmp_path / "study", seed=0)


def test_a_file_that_is_no_study_is_refused(tmp_path: Path) -> None:
    (tmp_path / "study").write_text("notes\nmore notes\n")
    with pytest.raises(TuningError, match="damaged"):
        open_study(Quick(), LENGTH, tmp_path / "study", seed=0)  # type: ignore[arg-type]


def test_only_the_best_and_the_usual_settings_are_tested(tmp_path: Path) -> None:
    quick: Any = Quick()
    study = made(tmp_path / "study", quick, 20)
    best = outcome.best_settings(study, quick)
    told = outcome.compared(best, quick, LENGTH, seed=0)
    assert quick.tested == [best, usual("digits")]
    assert "accuracy 0.5000" in told


def test_the_command_to_type_says_what_it_leaves_out() -> None:
    quick: Any = Quick()
    settings = Settings(0.0123456, "sgd", 48, augmentation=1.0)
    assert outcome.command(settings, quick) == (
        "python -m training digits --optimizer sgd --learning-rate 0.0123 --batch-size 48 "
        "--version 2"
    )
    told = outcome.command(Settings(activation="tanh", dropout=0.25), quick)
    assert told.endswith("no options for the rest: activation tanh, dropout 0.25.")

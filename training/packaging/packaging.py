"""From a model to a version that can be served: loaded, fitted to a task, written and tried."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from training import export, golden
from training.card import packaged_card
from training.files import staged_folder
from training.packaging import image_classification, tensors, text_classification
from training.packaging.choices import Choices, Say
from training.packaging.example import make_example
from training.packaging.loaded import LoadedModel, keep_one
from training.packaging.loading import load
from training.packaging.next_steps import say_next_steps, write_sample
from training.packaging.proposal import propose_task
from training.packaging.served import ServedModel
from training.packaging.target import check_free, choose_folder

SERVE = {
    "image_classification": image_classification.serve,
    "text_classification": text_classification.serve,
    "tensors": tensors.serve,
}


def package_model(
    source: Any,
    name: str,
    choices: Choices,
    *,
    version: int | None,
    output: Path,
    samples: Sequence[Path],
    may_replace: bool,
    say: Say,
) -> Path:
    """Package a model; the folder that it is in. On an error nothing is left behind.

    Raises:
        TrainingError: what to do is in the message.
    """
    folder = choose_folder(output, name, version, may_replace=may_replace)
    model = keep_one(load(source), choices.signature, say)
    served = _serve(model, choices, say)
    example = make_example(served, samples, model.source)
    with staged_folder(folder) as staging:
        _write(staging, folder, model, served, example)
        check_free(folder, may_replace=may_replace)
    say(f"Wrote {folder}. A fresh process gave the same answers to the golden inputs.")
    say_next_steps(folder, served, say)
    return folder


def _serve(model: LoadedModel, choices: Choices, say: Say) -> ServedModel:
    task = propose_task(model, choices, say)
    choices.check(task)
    return SERVE[task](model, choices, say)


def _write(
    staging: Path,
    folder: Path,
    model: LoadedModel,
    served: ServedModel,
    example: export.Example,
) -> None:
    functions = {example.signature: served.signature.function}
    export.save(staging, functions, model.variables, model.tables)
    golden.write(staging, [example])
    write_sample(staging, served, example)
    card = packaged_card(
        staging,
        name=folder.parent.name,
        version=int(folder.name),
        task=served.task,
        description=f"{Path(model.source).name}, packaged by Keras {keras.__version__}.",
        labels=served.labels,
        preprocessing=served.preprocessing,
    )
    card.write(staging)

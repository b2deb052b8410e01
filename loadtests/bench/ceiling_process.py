"""One process of the ceiling: the service's own decoding and model programs, called in a loop.

`python -m loadtests.bench.ceiling_process MODELS INPUTS` prints a line when every program is
compiled and timed. Then, for each line of JSON on its standard input (an endpoint and seconds), it
prints the inputs per second that it processed.
"""

import json
import pickle
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import click

from loadtests.bench.inputs import Input
from service.engine.folder.repository import read_models
from service.runtime.saved_model import SavedModel
from service.tasks.image_task import ImageTask
from service.tasks.kinds import make_task
from service.tasks.task import AnyTask, TaskLimits

BATCH_SIZES = (16, 32, 64)
"""The batch sizes that are tried; the fastest counts."""

_TRIAL_SECONDS = 0.5
_LIMITS = TaskLimits(max_batch_size=max(BATCH_SIZES), max_pixels=64_000_000)
_ENDPOINTS = {
    "image_classification": "classify",
    "text_classification": "sentiment",
    "image_embedding": "embed",
}


def load_tasks(models: Path, endpoints: Collection[str]) -> dict[str, AnyTask]:
    """Load the models that answer the endpoints and find their fastest programs.

    As in the service, the newest version of the default model answers.
    """
    folder = read_models(models)
    tasks: dict[str, AnyTask] = {}
    for artifact in folder.artifacts:
        card, endpoint = artifact.card, _ENDPOINTS[artifact.card.task]
        if endpoint not in endpoints or endpoint in tasks:
            continue
        if folder.defaults.get(card.task) != card.name:
            continue
        tasks[endpoint] = make_task(SavedModel(artifact.path), card, _LIMITS)
        tasks[endpoint].warm_up()
        for _ in tasks[endpoint].optimize():
            pass
    return tasks


def measure(task: AnyTask, inputs: Sequence[Input], seconds: float) -> float:
    """Return the inputs per second of the fastest batch size."""
    rates = {size: _rate(task, inputs, size, _TRIAL_SECONDS) for size in BATCH_SIZES}
    return _rate(task, inputs, max(rates, key=rates.__getitem__), seconds)


def _rate(task: AnyTask, inputs: Sequence[Input], batch_size: int, seconds: float) -> float:
    waiting: Iterator[Input] = cycle(inputs)
    run = _model_call(task)
    count, elapsed, started = 0, 0.0, time.perf_counter()
    while elapsed < seconds:
        run([task.decode(data) for data in islice(waiting, batch_size)])
        count += batch_size
        elapsed = time.perf_counter() - started
    return count / elapsed


def _model_call(task: AnyTask) -> Callable[[Sequence[Any]], object]:
    """Return a function that runs the model on a batch; for images, without writing answers."""
    if isinstance(task, ImageTask):
        return task.infer
    return task.predict


@click.command()
@click.argument("models", type=click.Path(path_type=Path))
@click.argument("inputs", type=click.Path(path_type=Path))
def main(models: Path, inputs: Path) -> None:
    """Load MODELS, then run them on the pickled INPUTS (by endpoint), as standard input asks."""
    waiting: dict[str, list[Input]] = pickle.loads(inputs.read_bytes())  # noqa: S301 - our own
    tasks = load_tasks(models, waiting)
    click.echo("warm")
    for line in sys.stdin:
        order = json.loads(line)
        endpoint = order["endpoint"]
        click.echo(measure(tasks[endpoint], waiting[endpoint], order["seconds"]))


if __name__ == "__main__":
    main()

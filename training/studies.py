"""Studies of a trained model that take minutes, such as attacks on it.

Their figures stand in its card. They are kept beside the model in `studies.json`, so that an
evaluation, which takes seconds, can write the card again without repeating them.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training.card import Baseline, Metric
from training.errors import ArtifactError
from training.files import write_atomically

FILE_NAME = "studies.json"


def write(folder: Path, study: str, metrics: Sequence[Metric]) -> None:
    """Keep the figures of a study of the model in `folder`; earlier ones of the study are replaced.

    The card shows them when it is written the next time: see the model's `evaluate`.

    Raises:
        ArtifactError: the file of the studies is damaged.
    """
    studies = {**_studies(folder), study: [asdict(metric) for metric in metrics]}
    write_atomically(folder / FILE_NAME, (json.dumps(studies, indent=2) + "\n").encode())


def read(folder: Path) -> list[Metric]:
    """The figures of all studies of the model in `folder`; none if it wasn't studied.

    Raises:
        ArtifactError: the file of the studies is damaged.
    """
    return [_metric(entry) for study in _studies(folder).values() for entry in study]


def _studies(folder: Path) -> dict[str, list[dict[str, Any]]]:
    path = folder / FILE_NAME
    if not path.exists():
        return {}
    try:
        studies: dict[str, list[dict[str, Any]]] = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ArtifactError(f"{path} is damaged: delete it, and repeat the studies.") from error
    return studies


def _metric(entry: dict[str, Any]) -> Metric:
    baseline = entry["baseline"]
    return Metric(**{**entry, "baseline": Baseline(**baseline) if baseline else None})

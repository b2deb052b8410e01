"""What the user says about a model; what is left out is proposed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from training.card import Task
from training.errors import PackagingError
from training.packaging.ending import Ending

Say = Callable[[str], None]
"""Tells the user a sentence."""

ValueRange = Literal["0..1", "-1..1", "0..255"]
RANGES = get_args(ValueRange)
TASKS: tuple[Task, ...] = ("image_classification", "text_classification", "tensors")


@dataclass(frozen=True)
class Choices:
    """How a model is to be served; None where nothing was said.

    `size` is height and width. `activation` is what the model lacks at its end. `signature` is the
    one that is served.
    """

    task: Task | None = None
    labels: Sequence[str] | None = None
    value_range: ValueRange | None = None
    size: tuple[int, int] | None = None
    activation: Ending | None = None
    signature: str | None = None

    def check(self, task: Task) -> None:
        """Raise PackagingError if something was said that the task has no use for."""
        images = task == "image_classification"
        classifies = images or task == "text_classification"
        said = [
            name
            for name, value, is_used in (
                ("--range", self.value_range, images),
                ("--size", self.size, images),
                ("labels", self.labels, classifies),
                ("--activation", self.activation, classifies),
            )
            if value is not None and not is_used
        ]
        if said:
            raise PackagingError(
                f"The task {task} has no use for {' and '.join(said)}: leave it out, or choose "
                f"another --task ({', '.join(TASKS)})."
            )


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 text file that aren't empty.

    Raises:
        PackagingError: the file can't be read.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PackagingError(f"{path} isn't a text file in UTF-8 that can be read.") from error
    return [line.strip() for line in lines if line.strip()]

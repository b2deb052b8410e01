"""Trains Trident's models: from data sets to SavedModels with cards in `models/`."""

from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.card import Task
    from training.packaging.choices import ValueRange
    from training.packaging.ending import Ending


def package(
    source: Any,
    name: str,
    *,
    task: "Task | None" = None,
    labels: Sequence[str] | None = None,
    value_range: "ValueRange | None" = None,
    size: tuple[int, int] | None = None,
    activation: "Ending | None" = None,
    signature: str | None = None,
    samples: Iterable[str | PathLike[str]] = (),
    modules: Iterable[str] = (),
    version: int | None = None,
    output: str | PathLike[str] = "models",
    may_replace: bool = False,
    say: Callable[[str], None] = print,
) -> Path:
    """Turn a Keras model into a version that the service serves; return OUTPUT/NAME/VERSION.

    Args:
        source: a `keras.Model`, or the path of a `.keras` file, an HDF5 file or a SavedModel.
        name: it answers at `/models/NAME`.
        task: image_classification, text_classification or tensors; by default the likeliest.
        labels: in the order of the outputs; by default "0", "1" and so on.
        value_range: the pixels that the model takes; by default 0..255 if it scales them itself,
            else 0..1.
        size: height and width of the pictures, for a model that takes any.
        activation: what the model lacks at its end; by default what seems to be missing.
        signature: the one that is served, of a SavedModel that has several.
        samples: files with inputs whose answers are kept with the model; by default random ones.
        modules: modules to import first, which register the model's own classes.
        version: its number; by default the next free one, or the newest if it may be replaced.
        output: the folder of all models.
        may_replace: whether a version that is there already may be replaced.
        say: is told what is proposed, and the next commands.

    Raises:
        TrainingError: what to do is in the message.
    """
    # Late: TensorFlow takes seconds to come up.
    from training.packaging.choices import Choices
    from training.packaging.loading import import_modules
    from training.packaging.packaging import package_model

    import_modules(modules)
    return package_model(
        source,
        name,
        Choices(task, labels, value_range, size, activation, signature),
        version=version,
        output=Path(output),
        samples=[Path(sample) for sample in samples],
        may_replace=may_replace,
        say=say,
    )

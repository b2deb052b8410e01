"""What to type once a model is packaged: how it is served, and how it is asked."""

import io
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training.export import Example
from training.files import write_atomically
from training.packaging.choices import Say
from training.packaging.served import ServedModel

MODELS = Path("models")
"""The folder that `make serve` serves."""


def write_sample(folder: Path, served: ServedModel, golden: Example) -> None:
    """Write the first golden input as a request has it: sample.png, sample.txt or sample.json."""
    inputs = golden.inputs
    if served.task == "image_classification":
        pixels = inputs["image"][0]
        content = io.BytesIO()
        Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels).save(content, "PNG")
        write_atomically(folder / "sample.png", content.getvalue())
    elif served.task == "text_classification":
        write_atomically(folder / "sample.txt", bytes(inputs["text"][0]))
    else:
        rows = slice(1) if served.is_batched else ...
        body = {"inputs": {name: _plain(array[rows]) for name, array in inputs.items()}}
        write_atomically(folder / "sample.json", (json.dumps(body) + "\n").encode())


def say_next_steps(folder: Path, served: ServedModel, say: Say) -> None:
    """Say the commands that serve the model in `folder` (MODELS/NAME/VERSION) and ask it."""
    models, name = folder.parent.parent, folder.parent.name
    if models.resolve() == MODELS.resolve():
        say("\nA service that runs takes it by itself. To start one:\n    make serve")
    else:
        place = shlex.quote(str(models.resolve()))
        say(
            f"\nServe it, in Trident's folder:\n    TRIDENT_MODELS={place} make serve\n"
            f"or copy {folder.parent} into the folder of models that is served."
        )
    say(f"Ask it, by its first golden input:\n    {_curl(folder, name, served)}")


def _curl(folder: Path, name: str, served: ServedModel) -> str:
    kind, sample = {
        "image_classification": ("image/png", "sample.png"),
        "text_classification": ("text/plain", "sample.txt"),
    }.get(served.task, ("application/json", "sample.json"))
    file = shlex.quote(f"@{folder / sample}")
    return f"curl -s -H 'Content-Type: {kind}' --data-binary {file} localhost:3000/models/{name}"


def _plain(array: np.ndarray) -> Any:
    """An array as JSON has it; bytes as text."""
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    return array.tolist()

"""The memory of a process that only imports TensorFlow and loads the models.

`python -m loadtests.bench.memory MODELS` prints its own resident memory in bytes.
"""

import sys
from pathlib import Path

import click
import psutil

from loadtests.bench.tools import run_tool

_SECONDS = 120


def bare_memory(models: Path) -> int:
    """Return the resident memory of such a process, in bytes. Raises LoadFailedError."""
    return int(run_tool([sys.executable, "-m", __name__, str(models)], _SECONDS).splitlines()[-1])


@click.command()
@click.argument("models", type=click.Path(path_type=Path))
def main(models: Path) -> None:
    """Load every SavedModel in MODELS and print this process's resident memory."""
    import tensorflow as tf

    loaded = [tf.saved_model.load(str(path.parent)) for path in models.glob("*/*/saved_model.pb")]
    click.echo(psutil.Process().memory_info().rss if loaded else 0)


if __name__ == "__main__":
    main()

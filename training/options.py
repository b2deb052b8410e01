"""Options of the commands that train, which need more than a line."""

from typing import Any

import click

from training.recipes import FULL_BATCH, PRIVATE


class BatchSize(click.ParamType[int]):
    """A number of examples, or 'full'."""

    name = "N|full"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number; `FULL_BATCH` for 'full'."""
        if value == "full":
            return FULL_BATCH
        try:
            size = int(value)
        except ValueError:
            size = -1
        if size < 0:
            self.fail(f"{value!r} is neither a number of examples nor 'full'.", param, ctx)
        return size


adversarial_option = click.option(
    "--adversarial",
    type=click.FloatRange(min=0, max=1),
    metavar="EPSILON",
    help="Train on attacked pictures, whose values in 0..1 are moved by at most EPSILON. "
    " [default: not]",
)
private_option = click.option(
    "--private",
    type=click.FloatRange(min=0.1, max=10),
    metavar="EPSILON",
    help="Train with (EPSILON, 0.00001)-differential privacy of the training examples, a small "
    f"network, samples of {PRIVATE['batch_size']} pictures and {PRIVATE['epochs']} epochs. "
    "[default: not]",
)

"""How much a training may tell about a single example, and the noise that it needs for that.

A step of `training.privacy.learning` is the Poisson-sampled Gaussian mechanism. The accountant
composes the steps' privacy loss distributions, rounded so that the epsilon is never too low
(Doroshenko, Ghazi, Kamath, Kumar, Manurangsi, 2022).
"""

from dataclasses import dataclass
from functools import cache

from dp_accounting import (
    GaussianDpEvent,
    PoissonSampledDpEvent,
    SelfComposedDpEvent,
    calibrate_dp_mechanism,
)
from dp_accounting.mechanism_calibration import LowerEndpointAndGuess
from dp_accounting.pld import PLDAccountant

DELTA = 1e-5
"""The probability with which the bound may fail: less than one in the number of examples."""

INTERVAL = 1e-3
"""Privacy losses are rounded up to multiples of this. A finer one changes the fourth digit only."""

SMALLEST_EPSILON, LARGEST_EPSILON = 0.1, 10.0
"""A larger one promises next to nothing, and below the smaller one nothing is learned."""

SEARCHED = LowerEndpointAndGuess(0.3, 1.0)
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Mechanism:
    """What is done in each of the `steps`.

    An example takes part with the probability `sampling_rate`, independent of the others. The sum
    of their gradients, each of a norm of at most C, gets Gaussian noise with a standard deviation
    of `noise_multiplier` * C.
    """

    sampling_rate: float
    steps: int
    noise_multiplier: float


def epsilon(mechanism: Mechanism) -> float:
    """The epsilon of all steps together, at `DELTA`.

    Neighbours are two data sets of which one has one example more than the other.
    """
    return float(_accountant().compose(_event(mechanism)).get_epsilon(DELTA))


@cache
def solve(wanted: float, sampling_rate: float, steps: int) -> Mechanism:
    """The mechanism with the least noise whose epsilon is at most the wanted one.

    That may be from `SMALLEST_EPSILON` to `LARGEST_EPSILON`.
    """
    noise = calibrate_dp_mechanism(
        _accountant,
        lambda noise: _event(Mechanism(sampling_rate, steps, noise)),
        wanted,
        DELTA,
        SEARCHED,
        tol=TOLERANCE,
    )
    return Mechanism(sampling_rate, steps, noise)


def _accountant() -> PLDAccountant:
    return PLDAccountant(value_discretization_interval=INTERVAL)


def _event(mechanism: Mechanism) -> SelfComposedDpEvent:
    step = PoissonSampledDpEvent(
        mechanism.sampling_rate, GaussianDpEvent(mechanism.noise_multiplier)
    )
    return SelfComposedDpEvent(step, mechanism.steps)

"""The accountant's epsilons: beside published and exact ones, and how they move."""

import math
from statistics import NormalDist

import pytest

from training.privacy.accounting import DELTA, Mechanism, epsilon, solve


def gaussian_delta(epsilon: float, noise: float) -> float:
    """The exact delta of one Gaussian mechanism (Balle and Wang, 2018, theorem 8)."""
    normal = NormalDist()
    shift, spread = epsilon * noise, 1 / (2 * noise)
    return normal.cdf(spread - shift) - math.exp(epsilon) * normal.cdf(-spread - shift)


@pytest.mark.parametrize("noise", [0.8, 2.0, 5.0])
@pytest.mark.parametrize("steps", [1, 40])
def test_without_sampling_it_is_the_exact_one_of_the_gaussian_mechanism(
    noise: float, steps: int
) -> None:
    found = epsilon(Mechanism(1.0, steps, noise * math.sqrt(steps)))
    assert gaussian_delta(found, noise) <= DELTA
    assert gaussian_delta(0.98 * found - 0.05, noise) > DELTA


def test_it_is_below_the_bound_of_the_moments_accountant() -> None:
    """Abadi et al., 2016, section 3.2: q = 0.01, noise 4, 10,000 steps: epsilon 1.26."""
    assert 0.9 < epsilon(Mechanism(0.01, 10_000, 4.0)) < 1.26


def test_more_noise_fewer_steps_and_smaller_samples_tell_less() -> None:
    usual = epsilon(Mechanism(0.05, 100, 1.5))
    assert epsilon(Mechanism(0.05, 100, 1.8)) < usual
    assert epsilon(Mechanism(0.05, 80, 1.5)) < usual
    assert epsilon(Mechanism(0.04, 100, 1.5)) < usual


@pytest.mark.parametrize("wanted", [0.1, 3.0])
def test_the_noise_is_the_least_that_keeps_the_epsilon(wanted: float) -> None:
    found = solve(wanted, 0.04, 100)
    assert epsilon(found) <= wanted
    assert epsilon(Mechanism(0.04, 100, found.noise_multiplier * 0.99)) > wanted

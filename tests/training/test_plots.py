import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from tests.training.conftest import bars
from training import metrics, plots

random = np.random.default_rng(0)
LABELS = random.integers(0, 10, 2000)
GUESSES = np.where(random.random(2000) < 0.95, LABELS, (LABELS + 3) % 10)
NOISY = bars(2000, seed=0).images
IMAGES = np.where(NOISY > 100, NOISY, 0)
DIGITS = [str(digit) for digit in range(10)]
WORDS = [f"a longer name {digit}" for digit in DIGITS]
GUESSED = random.random(40).tolist()
PROBABILITIES = random.dirichlet(np.ones(10) / 5, 2000)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.training_curves({"loss": [2, 1], "val_loss": [2, 1.5], "accuracy": [0, 1]}),
        lambda: plots.training_curves({"loss": [1.0]}),
        lambda: plots.confusion_matrix(LABELS, GUESSES, DIGITS),
        lambda: plots.confusion_matrix(LABELS[:0], GUESSES[:0], ["negative", "positive"]),
        lambda: plots.calibration_curve(metrics.calibration_bins(PROBABILITIES, LABELS), 0.1),
        lambda: plots.confusion_matrix(LABELS, GUESSES, WORDS),
        lambda: plots.mistakes(IMAGES, LABELS, GUESSES, DIGITS),
        lambda: plots.mistakes(IMAGES, LABELS, LABELS, DIGITS),
        lambda: plots.mistakes(IMAGES[:60].repeat(3, axis=3), LABELS[:60], GUESSES[:60], WORDS),
        lambda: plots.reconstructions(IMAGES[:10] / 255, IMAGES[10:20] / 255),
        lambda: plots.search(
            GUESSED,
            [value < 0.5 for value in GUESSED],
            {"learning rate": GUESSED, "activation": ["relu", None] * 20},
            "loss",
            logarithmic=["learning rate"],
            highest_is_best=False,
        ),
        lambda: plots.search([0.1], [False], {}, "gain", logarithmic=[], highest_is_best=True),
        lambda: plots.code_map(random.normal(size=(2000, 2)), LABELS),
        lambda: plots.error_histogram(
            {"digits": random.random(2000) / 100, "clothes": random.random(2000)}
        ),
    ],
)
def test_pictures_are_small_png_files(draw: Callable[[], bytes]) -> None:
    content = draw()
    picture = Image.open(io.BytesIO(content))
    assert picture.format == "PNG"
    assert min(picture.size) > 100
    assert len(content) < 60_000

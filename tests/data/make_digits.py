"""Write the sample digits of `tests/data/digits`: `python -m tests.data.make_digits`.

Forty of MNIST's test images, four per class, chosen at random once. Each file is named
LABEL_INDEX.png, after its label and its place in the test set.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from training.data import mnist

FOLDER = Path(__file__).parent / "digits"
PER_CLASS = 4


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    random = np.random.default_rng(seed=0)
    test = mnist.load().test
    for label in range(10):
        places = np.flatnonzero(test.labels == label)
        for place in sorted(random.choice(places, PER_CLASS, replace=False)):
            picture = Image.fromarray(test.images[place, ..., 0])
            picture.save(FOLDER / f"{label}_{place}.png", optimize=True)


if __name__ == "__main__":
    main()

"""Pictures as a bad camera or a careless hand makes them, in five strengths of each kind.

After Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations", 2019. At strength 0 no kind changes anything. Pictures are float32 [n, height,
width, channels] in 0..1.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage  # type: ignore[import-untyped]

SMOOTH = 4
"""Standard deviation in pixels of the Gaussian that makes neighbours of a distortion move alike."""


@dataclass(frozen=True)
class Corruption:
    """A kind: its five strengths, what they are measured in, and the change itself."""

    name: str
    unit: str
    strengths: tuple[float, ...]
    change: Callable[[np.ndarray, float, np.random.Generator], np.ndarray]

    def __call__(self, images: np.ndarray, strength: float, seed: int = 0) -> np.ndarray:
        """The pictures, changed; `seed` is of the random numbers."""
        changed = self.change(images, strength, np.random.default_rng(seed))
        return np.asarray(np.clip(changed, 0, 1), np.float32)


def rotate(images: np.ndarray, strength: float, random: np.random.Generator) -> np.ndarray:
    """Turned by `strength` degrees, half of the pictures to the left."""
    _, height, width, _ = images.shape
    angles = np.deg2rad(strength) * random.choice([-1, 1], (len(images), 1, 1))
    y, x = np.mgrid[:height, :width]
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    rows = np.cos(angles) * y - np.sin(angles) * x + (height - 1) / 2
    columns = np.sin(angles) * y + np.cos(angles) * x + (width - 1) / 2
    return _sampled(images, rows, columns)


def blur(images: np.ndarray, strength: float, _: np.random.Generator) -> np.ndarray:
    """Out of focus: a Gaussian with a standard deviation of `strength` pixels."""
    return np.asarray(ndimage.gaussian_filter(images, (0, strength, strength, 0)))


def add_noise(images: np.ndarray, strength: float, random: np.random.Generator) -> np.ndarray:
    """Gaussian noise with a standard deviation of `strength`."""
    return np.asarray(images + strength * random.standard_normal(images.shape, np.float32))


def bend(images: np.ndarray, strength: float, random: np.random.Generator) -> np.ndarray:
    """Elastic distortion: pixels are moved by `strength` (root mean square), neighbours alike.

    Simard, Steinkraus, Platt, "Best Practices for Convolutional Neural Networks", 2003, section 2.
    """
    count, height, width, _ = images.shape
    noise = random.standard_normal((2, count, height, width), np.float32)
    flow = ndimage.gaussian_filter(noise, (0, 0, SMOOTH, SMOOTH), mode="reflect")
    flow *= strength / np.sqrt(np.square(flow).sum(axis=0).mean(axis=(1, 2), keepdims=True))
    y, x = np.mgrid[:height, :width]
    return _sampled(images, y + flow[0], x + flow[1])


def fade(images: np.ndarray, strength: float, _: np.random.Generator) -> np.ndarray:
    """Of the differences from the picture's mean, `strength` is taken away."""
    means = images.mean(axis=(1, 2, 3), keepdims=True)
    return np.asarray(means + (1 - strength) * (images - means))


def _sampled(images: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Bilinear interpolation at the positions [n, height, width]; 0 outside."""
    sampled = np.empty_like(images)
    for index, channel in np.ndindex(len(images), images.shape[-1]):
        ndimage.map_coordinates(
            images[index, ..., channel],
            (rows[index], columns[index]),
            output=sampled[index, ..., channel],
            order=1,
        )
    return sampled


CORRUPTIONS = [
    Corruption("rotation", "degrees", (10, 20, 30, 40, 50), rotate),
    Corruption("blur", "pixels", (0.5, 1.0, 1.5, 2.0, 2.5), blur),
    Corruption("noise", "standard deviation", (0.1, 0.2, 0.3, 0.4, 0.5), add_noise),
    Corruption("elastic", "pixels", (0.5, 1.0, 1.5, 2.0, 2.5), bend),
    Corruption("contrast", "share taken away", (0.3, 0.5, 0.7, 0.8, 0.9), fade),
]

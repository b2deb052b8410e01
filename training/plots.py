"""The pictures beside the cards: every function returns a small PNG file's bytes."""

import io
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from training.metrics import CalibrationBin

DOTS_PER_INCH = 90
COLOURS = 64
"""A picture is reduced to this many colours, which makes its file a third as large."""


def training_curves(history: Mapping[str, Sequence[float]]) -> bytes:
    """One curve for each entry of a training's history, losses and the rest side by side."""
    groups = [
        {name: curve for name, curve in history.items() if "loss" in name},
        {name: curve for name, curve in history.items() if "loss" not in name},
    ]
    groups = [group for group in groups if group]
    figure = Figure(figsize=(4.5 * len(groups), 3.2))
    for axes, group in zip(_row(figure, len(groups)), groups, strict=True):
        for name, curve in group.items():
            axes.plot(range(1, len(curve) + 1), curve, label=name.replace("_", " "))
        _leave_out_the_start(axes, np.array(list(group.values())))
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        axes.legend()
    return _png(figure)


def curves(panels: Mapping[str, Mapping[str, Mapping[float, float]]], what: str) -> bytes:
    """Curves of a share in 0..1, which is `what`: for each panel its curves by their names.

    A panel's key is its title; a curve maps places, ascending, to shares.
    """
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3.6 * columns, 2.8 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes, (title, lines) in zip(grid.flat, panels.items(), strict=False):
        for name, curve in lines.items():
            axes.plot(list(curve.keys()), list(curve.values()), marker=".", label=name)
        axes.set_title(title, fontsize=10)
        axes.set_ylim(-0.02, 1.02)
        axes.grid(alpha=0.3)
        if len(lines) > 1:
            axes.legend()
    for axes in grid[:, 0]:
        axes.set_ylabel(what)
    for axes in list(grid.flat)[len(panels) :]:
        axes.axis("off")
    return _png(figure)


def _leave_out_the_start(axes: Axes, curves: np.ndarray) -> None:
    """Scale to the later epochs: with the first ones, their curve would look like a flat line."""
    later = curves[:, curves.shape[1] // 10 :]
    margin = 0.1 * (later.max() - later.min()) or 0.1
    axes.set_ylim(later.min() - margin, later.max() + margin)


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> bytes:
    """How often each class (rows) was predicted as each (columns); `labels`, `predicted`: [n]."""
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (labels, predicted), 1)
    figure = Figure(figsize=(1.6 + 0.42 * len(names), 1.4 + 0.42 * len(names)))
    axes = figure.subplots()
    axes.imshow(np.log1p(counts), cmap="Blues", vmin=0)
    for row, column in np.argwhere(counts):
        dark = counts[row, column] > counts.max() / 20
        axes.text(
            column, row, str(counts[row, column]),
            ha="center", va="center", fontsize=8, color="white" if dark else "black",
        )  # fmt: skip
    axes.set_xticks(range(len(names)), names, rotation=90 if _is_long(names) else 0)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    return _png(figure)


def calibration_curve(bins: Sequence[CalibrationBin], error: float) -> bytes:
    """How often predictions were right, by confidence; the dots' areas grow with the counts."""
    figure = Figure(figsize=(4.2, 4.0))
    axes = figure.subplots()
    counts = np.array([each.count for each in bins])
    confidence = [each.confidence for each in bins]
    right = [each.accuracy for each in bins]
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", label="perfect")
    axes.plot(confidence, right, color="tab:blue", alpha=0.5)
    axes.scatter(confidence, right, 15 + 250 * counts / counts.max(), label="model")
    axes.set_xlabel("confidence")
    axes.set_ylabel("accuracy")
    axes.set_title(f"expected calibration error {error:.4f}", fontsize=10)
    axes.grid(alpha=0.3)
    return _png(figure)


def mistakes(
    images: np.ndarray, labels: np.ndarray, predicted: np.ndarray, names: Sequence[str]
) -> bytes:
    """Up to 60 images that were misjudged: "true > predicted" above each.

    Args:
        images: uint8 [n, height, width, channels], of 1 channel (drawn dark on light) or 3.
        labels: [n], the indexes of the true classes.
        predicted: [n], those of the predicted classes.
        names: of the classes.
    """
    wrong = np.flatnonzero(labels != predicted)[:60]
    between, height, size = ("\n> ", 6.2, 7) if _is_long(names) else (" > ", 5.2, 8)
    figure = Figure(figsize=(8, height))
    grid = figure.subplots(6, 10).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, index in zip(grid, wrong, strict=False):
        axes.imshow(images[index], cmap="gray_r")
        title = f"{names[labels[index]]}{between}{names[predicted[index]]}"
        axes.set_title(title, fontsize=size, pad=2)
    return _png(figure)


def reconstructions(originals: np.ndarray, reconstructed: np.ndarray) -> bytes:
    """Images above their reconstructions; both [n, 28, 28, 1], pixels in 0..1."""
    count = len(originals)
    figure = Figure(figsize=(0.6 * count, 1.4))
    grid = figure.subplots(2, count)
    for row, images in enumerate((originals, reconstructed)):
        for column in range(count):
            grid[row, column].imshow(images[column, ..., 0], cmap="gray_r", vmin=0, vmax=1)
            grid[row, column].axis("off")
    return _png(figure)


def image_rows(rows: Mapping[str, np.ndarray]) -> bytes:
    """Rows of images, uint8 [columns, 28, 28, 1], with their names on the left."""
    height, width = len(rows), len(next(iter(rows.values())))
    sheet = np.concatenate([np.concatenate(images[..., 0], axis=1) for images in rows.values()])
    figure = Figure(figsize=(0.42 * width, 0.42 * height))
    axes = figure.subplots()
    axes.imshow(sheet, cmap="gray_r", vmin=0, vmax=255, extent=(0, width, height, 0))
    axes.set_yticks(np.arange(height) + 0.5, rows, fontsize=8)
    axes.set_xticks([])
    return _png(figure)


def code_map(points: np.ndarray, labels: np.ndarray) -> bytes:
    """Codes in two dimensions, [n, 2], coloured by their labels [n] (0..9)."""
    figure = Figure(figsize=(5.6, 5.0))
    axes = figure.subplots()
    dots = axes.scatter(points[:, 0], points[:, 1], 4, labels, cmap="tab10", vmin=-0.5, vmax=9.5)
    figure.colorbar(dots, ticks=range(10))
    axes.set_xticks([])
    axes.set_yticks([])
    return _png(figure)


def error_histogram(errors: Mapping[str, np.ndarray]) -> bytes:
    """Reconstruction errors of one or more sets of images, by the sets' names."""
    figure = Figure(figsize=(5.0, 3.2))
    axes = figure.subplots()
    everything = np.concatenate(list(errors.values()))
    edges = np.geomspace(max(everything.min(), 1e-5), everything.max(), 60).tolist()
    for name, values in errors.items():
        axes.hist(values, edges, alpha=0.6, label=name)
    axes.set_xscale("log")
    axes.set_xlabel("reconstruction error")
    axes.set_ylabel("images")
    axes.legend()
    return _png(figure)


def search(
    values: Sequence[float],
    complete: Sequence[bool],
    parameters: Mapping[str, Sequence[Any]],
    measure: str,
    *,
    logarithmic: Collection[str],
    highest_is_best: bool,
) -> bytes:
    """A search for settings: the value over the trials, and over each parameter.

    Args:
        values: of the trials, in their order.
        complete: whether a trial came to its end; the others are drawn as crosses.
        parameters: by their names, the trials' values; None where a trial has no such parameter.
        measure: what the values are.
        logarithmic: the names of the parameters whose axis is logarithmic.
        highest_is_best: else the lowest.
    """
    ended = np.array(complete)
    scores, best = _search_values(np.array(values), ended, 1 if highest_is_best else -1)
    columns = 3
    rows = -(-(1 + len(parameters)) // columns)
    figure = Figure(figsize=(3.2 * columns, 2.4 * rows), layout="tight")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    grid[0].step(range(len(best)), best, where="post", color="tab:orange", label="best so far")
    _draw_trials(grid[0], np.arange(len(scores)), scores, ended)
    grid[0].legend(fontsize=8)
    grid[0].set_xlabel("trial")
    for axes, (name, settings) in zip(grid[1:], parameters.items(), strict=False):
        there = np.array([setting is not None for setting in settings])
        chosen = np.array([setting for setting in settings if setting is not None])
        _draw_trials(axes, chosen, scores[there], ended[there])
        if name in logarithmic:
            axes.set_xscale("log")
        axes.set_xlabel(name)
    for axes in grid[::columns]:
        axes.set_ylabel(measure)
    for axes in grid[1 + len(parameters) :]:
        axes.axis("off")
    return _png(figure)


def _search_values(
    values: np.ndarray, complete: np.ndarray, sign: int
) -> tuple[np.ndarray, np.ndarray]:
    """What is drawn of the values, and the best so far.

    Values far worse than most are drawn at the edge, or the others would look alike.
    """
    best = sign * np.maximum.accumulate(np.where(complete, sign * values, -np.inf))
    if not complete.any():
        return values, best
    worst = best[-1] - 4 * (best[-1] - np.median(values[complete]))
    return sign * np.maximum(sign * values, sign * worst), best


def _draw_trials(
    axes: Axes, positions: np.ndarray, values: np.ndarray, complete: np.ndarray
) -> None:
    early = ~complete
    axes.scatter(positions[complete], values[complete], 18, color="tab:blue", label="complete")
    axes.scatter(positions[early], values[early], 18, color="grey", marker="x", label="ended early")
    axes.grid(alpha=0.3)


def _is_long(names: Sequence[str]) -> bool:
    return max(map(len, names)) > 2


def _row(figure: Figure, count: int) -> Sequence[Axes]:
    grid: Sequence[Axes] = figure.subplots(1, count, squeeze=False)[0]
    return grid


def _png(figure: Figure) -> bytes:
    drawn, reduced = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DOTS_PER_INCH, bbox_inches="tight")
    picture = Image.open(drawn).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    picture.save(reduced, format="png", optimize=True)
    return reduced.getvalue()

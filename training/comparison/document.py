"""The tables of docs/choosing.md: `python -m training.comparison.document` writes them anew.

They come from the models' cards, from docs/bench.json, and from docs/choosing.json, which
`python -m training compare` measures.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

from training.files import write_atomically

PAGE = Path("docs/choosing.md")
MEASURED = "choosing.json"
MODELS = Path("models")
BENCH = Path("docs/bench.json")
CONNECTIONS = 32
"""The speed is measured with so many."""

FIGURES = {
    "image_classification": ["accuracy"],
    "text_classification": ["accuracy"],
    "image_embedding": ["neighbour_accuracy", "novelty_auroc"],
    "image_generation": ["label_agreement", "frechet_distance"],
}
"""The metrics of a task that the table of the models shows."""

ENDPOINTS = {"digits": "classify", "sentiment": "sentiment", "embedding": "embed"}
"""Where the benchmark asks the default models."""


def main() -> None:
    """Write the page's tables anew."""
    page = written(PAGE.read_text("utf-8"), tables(PAGE.parent / MEASURED))
    write_atomically(PAGE, page.encode())


def written(page: str, contents: Mapping[str, str]) -> str:
    """The page with each table in its place: between `<!-- NAME -->` and `<!-- end -->`."""

    def filled(place: re.Match[str]) -> str:
        return f"<!-- {place[1]} -->\n{contents[place[1]]}<!-- end -->"

    return re.sub(r"<!-- (\w+) -->\n.*?<!-- end -->", filled, page, flags=re.DOTALL)


def tables(measured: Path) -> dict[str, str]:
    """The tables by their names, in Markdown."""
    results = json.loads(measured.read_text("utf-8"))
    compared = {name: comparison(table) for name, table in results["tables"].items()}
    return {"models": models(MODELS, BENCH), **compared}


def models(folder: Path, bench: Path) -> str:
    """What is in the cards of all versions in `folder`, and the speed of the default ones."""
    lines = [
        "| model | quality on data it never saw | size | answers a second |",
        "| --- " * 4 + "|",
    ]
    rates = _rates(json.loads(bench.read_text("utf-8")))
    for path in sorted(folder.glob("*/*/model.json")):
        card = json.loads(path.read_text("utf-8"))
        size = sum((path.parent / file).stat().st_size for file in card["files"])
        rate = rates.get(ENDPOINTS.get(card["name"], "")) if card["version"] == 1 else None
        lines.append(
            f"| `{card['name']}` {card['version']} | {_figures(card)} | {size / 1e6:.2f} MB "
            f"| {f'{rate:,.0f}' if rate else ''} |"
        )
    return "\n".join(lines) + "\n"


def _figures(card: Mapping[str, Any]) -> str:
    names = FIGURES[card["task"]]
    return "<br>".join(
        f"{metric['name'].replace('_', ' ')}, {metric['dataset']}: {metric['value']:.4f}"
        + (f" (baseline {metric['baseline']['value']:.4f})" if metric["baseline"] else "")
        for metric in card["metrics"]
        if metric["name"] in names
    )


def _rates(bench: Mapping[str, Any]) -> dict[str, float]:
    """Requests a second by endpoint, of Trident over HTTP."""
    wanted = {
        "server": "trident",
        "protocol": "http",
        "inputs_per_request": 1,
        "concurrency": CONNECTIONS,
        "rate_share": None,
    }
    return {
        each["load"]["endpoint"]: each["requests_per_second"]
        for each in bench["results"]["measurements"]
        if {key: each["load"][key] for key in wanted} == wanted
    }


def comparison(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table of `Row`s, of which the first is the plain training."""
    base, noise = rows[0], _noise(rows)
    lines = [
        "| change | accuracy | gain in points | seconds |",
        "| --- " * 4 + "|",
        *(_line(row, base, noise) for row in rows),
    ]
    return "\n".join(lines) + f"\n\nNoise of a gain: {noise:.1f} points.\n"


def _line(row: Mapping[str, Any], base: Mapping[str, Any], noise: float) -> str:
    accuracies = row["accuracies"]
    spread = f" ± {100 * stdev(accuracies):.1f}" if len(accuracies) > 1 else ""
    gain = 100 * (mean(accuracies) - mean(base["accuracies"]))
    shown = "" if row is base else f"{gain:+.1f}"
    if shown and abs(gain) > 2 * noise:
        shown = f"**{shown}**"
    share, seconds = f"{100 * mean(accuracies):.1f}%{spread}", f"{row['seconds']:.0f}"
    return f"| {row['change']} | {share} | {shown} | {seconds} |"


def _noise(rows: Sequence[Mapping[str, Any]]) -> float:
    """The standard error in points of a difference between two rows' means.

    From the standard deviation between seeds, the median of all rows.
    """
    spreads = [stdev(row["accuracies"]) for row in rows if len(row["accuracies"]) > 1]
    seeds = len(rows[0]["accuracies"])
    return float(100 * median(spreads) * (2 / seeds) ** 0.5) if spreads else 0.0


if __name__ == "__main__":
    main()

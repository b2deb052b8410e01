"""The command line, `python -m loadtests.bench`."""

import tempfile
from pathlib import Path

import click

from loadtests.bench.chart import draw_chart
from loadtests.bench.errors import BenchError
from loadtests.bench.inputs import load_inputs
from loadtests.bench.plan import FULL, PARTS, QUICK
from loadtests.bench.report import make_console, print_report, write_json
from loadtests.bench.servers import ROOT
from loadtests.bench.session import run_benchmark
from loadtests.bench.tools import PACKAGES, require
from loadtests.command_line import begin, say
from loadtests.models import copy_models
from training.errors import TrainingError

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option(
    "--quick", is_flag=True, help="Short rounds: shows that everything works, not how fast it is."
)
@click.option(
    "--only",
    type=click.Choice(PARTS),
    multiple=True,
    help="Measure this part only; may be given several times.",
)
@click.option(
    "--models",
    type=FOLDER,
    default=ROOT / "models",
    show_default="models/",
    help="Folder of the models; both servers load the version of each that answers by default.",
)
@click.option(
    "--out",
    type=FOLDER,
    default=ROOT / "loadtests" / "results",
    show_default="loadtests/results/",
    help="Folder for bench.json and bench.png.",
)
def main(quick: bool, only: tuple[str, ...], models: Path, out: Path) -> None:  # noqa: FBT001
    """Measure Trident beside stock BentoML, and beside the models without a server.

    \b
    Everything, about 27 minutes on a machine that has nothing else to do:
        make bench
    To check that it works:
        make bench ARGS="--quick"
    One endpoint:
        make bench ARGS="--only classify"

    Both servers are started here, on free ports of 127.0.0.1, and are driven in turn by wrk
    (HTTP), h2load (gRPC) and an open-loop generator. The figures are medians of three rounds.
    A server whose answers don't match the labels isn't reported.
    """  # noqa: D301 - click wants the character itself
    begin()
    try:
        require(list(PACKAGES))
        out.mkdir(parents=True, exist_ok=True)
        plan, parts = (QUICK if quick else FULL), (only or PARTS)
        with tempfile.TemporaryDirectory(prefix="trident-bench-") as folder:
            copy = copy_models(models, Path(folder, "models"))
            results = run_benchmark(plan, parts, copy, load_inputs(), say)
    except (BenchError, TrainingError) as error:
        raise click.ClickException(str(error)) from error
    print_report(results, make_console())
    write_json(results, out / "bench.json")
    drawn = draw_chart(results, out / "bench.png")
    click.echo(f"Written: {out / 'bench.json'}" + (f", {out / 'bench.png'}" if drawn else ""))


if __name__ == "__main__":
    main()

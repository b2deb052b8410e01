"""Fuzzes the targets by coverage: inputs that reach new code are kept and changed further.

`python -m tests.service.fuzzing.by_coverage --runs N [--seed S] [TARGET ...]` prints what was found
and exits with 1 if there was anything. Each target runs in a process of its own.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["service"]):
    from tests.service.fuzzing.targets import TARGETS, Target

_MOST_SECONDS = 10  # for one input
_MOST_MEGABYTES = 1024  # of the process
_LONGEST = 4096  # bytes of an input


def main() -> int:
    """Fuzz the targets that are named, or all, two at a time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("targets", nargs="*", default=list(TARGETS))
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    failed = []
    for name in arguments.targets:
        with tempfile.TemporaryDirectory() as folder:
            process = os.fork()
            if process == 0:
                _fuzz(TARGETS[name], arguments.runs, arguments.seed, Path(folder))
            _, status = os.waitpid(process, 0)
            if os.waitstatus_to_exitcode(status) != 0:
                failed.append(name)
                _show(name, Path(folder))
    return 1 if failed else 0


def _fuzz(target: Target, runs: int, seed: int, folder: Path) -> None:
    """Call the target with so many inputs, then end the process."""
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, sample in enumerate(target.samples()):
        (corpus / str(number)).write_bytes(sample[:_LONGEST])
    options = {
        "runs": runs,
        "seed": seed,
        "timeout": _MOST_SECONDS,
        "rss_limit_mb": _MOST_MEGABYTES,
        "max_len": _LONGEST,
        "artifact_prefix": f"{folder}/fault-",
        "print_final_stats": 0,
        "verbosity": 0,
    }
    atheris.Setup(
        [sys.argv[0], *(f"-{name}={value}" for name, value in options.items()), str(corpus)],
        target.run,
    )
    atheris.Fuzz()


def _show(name: str, folder: Path) -> None:
    for fault in folder.glob("fault-*"):
        print(f"{name}: {fault.name}: {fault.read_bytes()!r}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())

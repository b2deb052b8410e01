"""Check the pinned dependencies for known vulnerabilities: `make audit`.

Exit status 0: none is known. 1: some are. 2: not all could be checked, for instance since the
source (pypi.org) can't be reached. pip-audit itself says then that none is known.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def main(locks: Iterable[Path]) -> int:
    """Check these files. Return the exit status."""
    found, unchecked = set(), set()
    for lock in locks:
        for dependency in dependencies_of(lock):
            name = dependency["name"]
            if "skip_reason" in dependency:
                unchecked.add(name)
            for fault in dependency.get("vulns", ()):
                fixed = ", ".join(fault["fix_versions"]) or "no version yet"
                found.add(f"{name} {dependency['version']}: {fault['id']}, fixed in {fixed}")
    for line in sorted(found):
        say(line)
    if unchecked:
        say(f"NOT CHECKED: the source says nothing of {len(unchecked)} packages.")
    if not (found or unchecked):
        say("No vulnerability is known.")
    return 1 if found else 2 if unchecked else 0


def dependencies_of(lock: Path) -> list[dict[str, Any]]:
    """Return what pip-audit says of each package in a file; all are unchecked if it fails."""
    command = [str(Path(sys.executable).with_name("pip-audit")), "--requirement", str(lock)]
    options = ("--require-hashes", "--disable-pip", "--progress-spinner=off", "--format=json")
    run = subprocess.run(  # noqa: S603 - the files are the project's own
        [*command, *options], capture_output=True, text=True, check=False
    )
    try:
        answer: list[dict[str, Any]] = json.loads(run.stdout)["dependencies"]
    except json.JSONDecodeError:
        say(run.stderr.strip().splitlines()[-1] if run.stderr.strip() else "pip-audit says nothing")
        return [{"name": f"those of {lock.name}", "skip_reason": "pip-audit failed"}]
    return answer


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sorted(FOLDER.glob("*.lock"))))

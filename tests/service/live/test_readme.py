"""The README's examples are run, and their answers are compared with those in the README.

Fenced blocks of bash and of Python are run, in order, in one folder with the repository's files. If
a block of JSON follows directly, the example must print it: the same keys, and the same strings and
whole numbers. `<!-- not run: why -->` in front of a block excludes it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.service.live_server import ROOT, LiveServer

README = ROOT / "README.md"
BLOCK = re.compile(
    r"(?P<skip><!-- not run: .+? -->\s*\n)?^```(?P<language>\w+)[^\n]*\n(?P<code>.*?)^```\s*?\n",
    re.MULTILINE | re.DOTALL,
)
TIMEOUT = 120  # seconds a block


class Example(NamedTuple):
    """A block that is run, and what it must print, if the README shows that."""

    language: str
    code: str
    output: str | None


def find_examples(text: str) -> list[Example]:
    """Return the blocks of a Markdown text that are to be run."""
    blocks = list(BLOCK.finditer(text))
    examples = []
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        if block["skip"] or block["language"] not in ("bash", "python"):
            continue
        shown = following is not None and following["language"] == "json"
        adjacent = shown and not text[block.end() : following.start()].strip()  # type: ignore[union-attr]
        output = following["code"] if adjacent else None  # type: ignore[index]
        examples.append(Example(block["language"], block["code"], output))
    return examples


EXAMPLES = find_examples(README.read_text()) if README.exists() else []


def test_the_readme_has_examples_of_both_protocols() -> None:
    assert any("curl" in example.code for example in EXAMPLES)
    assert any("grpc" in example.code for example in EXAMPLES)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the repository's files lie, and new ones may be written."""
    folder = tmp_path_factory.mktemp("readme")
    for path in ROOT.iterdir():
        if path.name != ".git":
            (folder / path.name).symlink_to(path)
    return folder


def _run(example: Example, http: str, grpc: str, workplace: Path) -> str:
    """Run an example; return what it prints."""
    code = example.code.replace("localhost:3000", http).replace("localhost:3001", grpc)
    bash = shutil.which("bash") or "/bin/bash"
    command = [bash, "-euo", "pipefail", "-c", code]
    if example.language == "python":
        command = [sys.executable, "-c", code]
    search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(
        command,
        cwd=workplace,
        env=os.environ | {"PATH": search},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.code.split("\n")[0][:60])
def test_an_example_works_as_shown(server: LiveServer, workplace: Path, example: Example) -> None:
    check_example(example, f"127.0.0.1:{server.http_port}", server.grpc_target, workplace)


def check_example(example: Example, http: str, grpc: str, workplace: Path) -> None:
    """Run an example against the server at these two HOST:PORT; it must print what is shown."""
    output = _run(example, http, grpc, workplace)
    if example.output is not None:
        _compare(json.loads(output), json.loads(example.output))


def _compare(found: Any, shown: Any) -> None:
    """Check that an answer is the one shown, up to numbers with a fraction."""
    if isinstance(shown, dict):
        assert found.keys() == shown.keys()
        for key, value in shown.items():
            _compare(found[key], value)
    elif isinstance(shown, list):
        assert len(found) == len(shown)
        for found_item, shown_item in zip(found, shown, strict=True):
            _compare(found_item, shown_item)
    elif isinstance(shown, float):
        assert isinstance(found, int | float)
    else:
        assert found == shown


SAMPLE = """
```bash
echo '{"label": "7", "probability": 0.98, "top": [1]}'
```
```json
{"label": "7", "probability": 0.99, "top": [1]}
```
<!-- not run: it never ends -->
```bash
make serve
```
```python
print(3)
```
Some words.
```json
{}
```
"""


def test_examples_are_found() -> None:
    bash, python = find_examples(SAMPLE)
    assert (bash.language, python.language) == ("bash", "python")
    assert bash.output is not None
    assert python.output is None


@pytest.mark.parametrize(
    ("found", "is_right"),
    [
        ('{"label": "7", "probability": 0.5, "top": [1]}', True),
        ('{"label": "1", "probability": 0.99, "top": [1]}', False),
        ('{"label": "7", "probability": 0.99, "top": [1, 2]}', False),
        ('{"label": "7", "top": [1]}', False),
    ],
)
def test_a_wrong_answer_is_noticed(found: str, is_right: bool) -> None:
    shown = json.loads(find_examples(SAMPLE)[0].output or "")
    if is_right:
        _compare(json.loads(found), shown)
    else:
        with pytest.raises(AssertionError):
            _compare(json.loads(found), shown)

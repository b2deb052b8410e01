"""The page on new versions is done as it says: copied, tried, promoted and rolled back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.api.access.keys import make_key
from tests.service.live.test_readme import Example, check_example, find_examples
from tests.service.live_server import ROOT, LiveServer
from tests.service.some_keys import keys_setting

EXAMPLES = find_examples((ROOT / "docs/versions.md").read_text())


@pytest.fixture(scope="module")
def server(workplace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server of the models there; the examples find its key where the page puts it."""
    with pytest.MonkeyPatch.context() as environment:
        key = make_key()
        environment.setenv("KEY", key)
        keys = keys_setting((key, "operator", "predict,admin"))
        folder = tmp_path_factory.mktemp("server")
        with LiveServer(folder, workplace / "models", keys=keys) as server:
            yield server.wait_until_ready()


def test_the_page_promotes_and_rolls_back_by_call_and_by_file() -> None:
    code = "\n".join(example.code for example in EXAMPLES)
    for part in ("-X PUT", "-X DELETE", "/models/reload", "serving.json", "cp -r"):
        assert part in code


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.code.split("\n")[0][:60])
def test_the_page_works_as_shown(server: LiveServer, workplace: Path, example: Example) -> None:
    check_example(example, f"127.0.0.1:{server.http_port}", server.grpc_target, workplace)

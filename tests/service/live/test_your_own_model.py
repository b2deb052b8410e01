"""The page on models of one's own is done as it says: packaged, served, and asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.live.test_readme import Example, check_example, find_examples
from tests.service.live_server import ROOT, LiveServer

EXAMPLES = find_examples((ROOT / "docs/your-own-model.md").read_text())
ASKING = [example for example in EXAMPLES if "localhost" in example.code]


@pytest.fixture(scope="module")
def server(workplace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that is started once everything on the page is packaged."""
    for example in EXAMPLES:
        if example not in ASKING:
            check_example(example, "", "", workplace)
    with LiveServer(tmp_path_factory.mktemp("server"), workplace / "models") as server:
        yield server.wait_until_ready()


def test_the_page_asks_over_both_protocols() -> None:
    assert any("curl" in example.code for example in ASKING)
    assert any("grpc" in example.code for example in ASKING)


@pytest.mark.parametrize("example", ASKING, ids=lambda example: example.code.split("\n")[0][:60])
def test_the_page_works_as_shown(server: LiveServer, workplace: Path, example: Example) -> None:
    check_example(example, f"127.0.0.1:{server.http_port}", server.grpc_target, workplace)

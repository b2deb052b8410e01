"""Makes docs/dashboard.png: the dashboard, drawn from a real Prometheus that scraped a real
Trident.

`python -m tests.monitoring.picture [FILE]` takes under four minutes: calm traffic, an overload,
calm, pictures that aren't digits, calm.
"""

import argparse
import asyncio
import shutil
import tempfile
import time
from pathlib import Path

from PIL import Image

from tests.monitoring.dashboard import find_panels, find_values, read_dashboard
from tests.monitoring.draw import Picture
from tests.monitoring.prometheus import LivePrometheus
from tests.monitoring.traffic import Traffic
from tests.service.live.balancer.live_balancer import LiveBalancer
from tests.service.live_server import ROOT, LiveServer

_EVERY = 5  # seconds between two scrapes: the committed 15 would give only a dozen points
_DRIFT = {"1h": "30s", "7d": "2m"}  # stand for an hour, and for a week
_CAPTION = (
    "Three minutes of generated traffic on two cores, scraped every 5 s: calm; an overload of "
    "queues of 256, with callers who give up after 10 ms; calm; noise instead of digits; calm. "
    "For the picture, drift compares 30 s with the 2 min before them."
)


def _window(group: str, window: str) -> str:
    return _DRIFT[window] if group == "trident-drift" else window


async def _ask(balancer: LiveBalancer) -> None:
    async with Traffic(balancer) as traffic:
        await traffic.steady(60, rate=80)
        await traffic.overload(20, clients=32)
        await traffic.steady(40, rate=80)
        async with asyncio.TaskGroup() as group:
            group.create_task(traffic.steady(30, rate=40))
            group.create_task(traffic.odd(30, rate=40))
        await traffic.steady(30, rate=80)


def _make(folder: Path, picture: Path) -> None:
    haproxy = shutil.which("haproxy")
    if haproxy is None or shutil.which("prometheus") is None:
        raise SystemExit("Not both are here: apt-get install prometheus haproxy brings them.")
    board = read_dashboard()
    (folder / "server").mkdir()
    with LiveServer(folder / "server", ROOT / "models", max_queue_size=256) as server:
        server.wait_until_ready()
        with (
            LiveBalancer(haproxy, folder, server.http_port, server.grpc_port) as balancer,
            LivePrometheus(
                folder, server, balancer, every=f"{_EVERY}s", window=_window
            ) as prometheus,
        ):
            start = time.time()
            asyncio.run(_ask(balancer))
            end = time.time()
            panels = find_panels(board, find_values(board, prometheus, f"{4 * _EVERY}s"))
            Picture(prometheus, start, end, _EVERY).draw(panels, _CAPTION, picture)
    # With few colours the file is a third as large.
    Image.open(picture).convert("P", palette=Image.Palette.ADAPTIVE, colors=128).save(
        picture, optimize=True
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "docs" / "dashboard.png")
    with tempfile.TemporaryDirectory() as temporary:
        _make(Path(temporary), parser.parse_args().file)

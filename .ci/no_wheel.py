"""A build backend (PEP 517) that refuses: Trident isn't installed as a package."""

from typing import NoReturn


def build_wheel(*_: object, **__: object) -> NoReturn:
    """End the build with a sentence."""
    raise SystemExit(
        "Trident isn't installed as a package, since a wheel would have no models. Serve it from "
        "its folder with `make serve`, or ship it as a Bento (`make bento`) or an image "
        "(`make image`)."
    )


build_sdist = build_editable = build_wheel

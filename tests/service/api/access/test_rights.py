"""The right that each call needs, however its path is spelt."""

import pytest

from service.api.access.rights import right_to, right_to_call


@pytest.mark.parametrize(
    ("method", "url", "right"),
    [
        ("POST", "/classify", "predict"),
        ("POST", "/classify?model=a", "predict"),
        ("POST", "/models/digits", "predict"),
        ("POST", "/models/reloaded/labels/stable", "predict"),
        ("GET", "/models", "predict"),
        ("GET", "/", "predict"),
        ("GET", "/docs.json", "predict"),
        ("GET", "/docs/page.js", "predict"),
        ("GET", "/schema.json", "predict"),
        ("GET", "/nothing", "predict"),
        *[
            ("GET", path, None)
            for path in ("/livez", "/readyz", "/healthz", "/readyz?a", "/%6civez")
        ],
        *[("GET", path, "predict") for path in ("/livez/", "/livez/..", "/livez%0a", "//livez")],
        *[
            (method, path, "metrics")
            for method in ("GET", "HEAD", "POST", "OPTIONS", "PUT")
            for path in (
                "/metrics",
                "/metrics?a",
                "/%6detrics",
                "/metrics%0a",
                "/metrics/",
                "/metrics#",
            )
        ],
        ("GET", "http://any.host/metrics", "metrics"),
        *[
            (method, path, "admin")
            for method in ("POST", "GET")
            for path in (
                "/models/reload",
                "/models/%72eload",
                "/models/reload%0a",
                "/models/reload/",
            )
        ],
        ("POST", "http://any.host/models/reload?a", "admin"),
        ("PUT", "/models/digits/labels/stable", "admin"),
        ("DELETE", "/models/digits/labels/stable", "admin"),
        ("POST", "/models/digits/labels/stable", "predict"),
        ("PATCH", "/models/digits/labels/stable", "admin"),
        ("PUT", "/models/digits%2flabels%2fstable%0a", "admin"),
        ("PUT", "/classify", "predict"),
        ("PUT", "/models/labels", "predict"),
    ],
)
def test_a_request_needs_a_right(method: str, url: str, right: str | None) -> None:
    assert right_to(method.encode(), url.encode()) == right


@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("/grpc.health.v1.Health/Check", None),
        ("/grpc.health.v1.Health/Watch", None),
        ("/grpc.health.v1.Healthy/Check", "predict"),
        ("/trident.v1.Inference/Predict", "predict"),
        ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "predict"),
        ("/nothing", "predict"),
    ],
)
def test_a_grpc_call_needs_a_right(path: str, right: str | None) -> None:
    assert right_to_call(path) == right

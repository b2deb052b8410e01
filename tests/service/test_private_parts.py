"""Each part of a library that the service uses without its makers' promise is listed here.

`docs/decisions/private-parts.md` says why, and `tests/private_parts.py` how the list is checked.
"""

import pytest

from tests.private_parts import PAGE, Part, PartList, check_version

BENTOML_PARTS = (
    Part(
        "bentoml",
        "bentoml",
        ("Service.to_asgi",),
        "bento/ingress.py",
        "A worker calls it once, before it looks up uvicorn's classes: ours are put there then.",
        "live/test_ingress.py",
    ),
    Part(
        "bentoml",
        "bentoml._internal.utils.analytics.usage_stats",
        ("BENTOML_DO_NOT_TRACK", "do_not_track.cache_clear"),
        "bento/ingress.py",
        "No usage reports are sent unless the operator asks for them.",
        "live/test_usage_reports.py",
    ),
    Part(
        "bentoml",
        "bentoml._internal.configuration.containers",
        ("BentoMLContainer.prometheus_multiproc_dir",),
        "bento/metrics_folder.py",
        "Two services of one user must not empty each other's folder of metrics.",
        "bento/test_metrics_folder.py",
    ),
    Part(
        "bentoml",
        "bentoml._internal.utils.circus",
        ("Arbiter",),
        "bento/supervisor.py",
        "BentoML's supervisor waits a day for a worker to end: ours takes its place.",
        "bento/test_supervisor.py",
    ),
    Part(
        "kantoku",
        "circus.arbiter",
        (
            "Arbiter.initialize",
            "Arbiter.start_watchers",
            "Arbiter.manage_watchers",
            "Arbiter.reap_processes",
            "Arbiter.iter_watchers",
            "Arbiter.stop",
            "Arbiter.sockets",
            "Arbiter.loop",
            "Arbiter._exclusive_running_command",
        ),
        "bento/supervisor.py",
        "Our supervisor is one of circus's. circus ignores a command while another one runs.",
        "bento/test_supervisor.py",
    ),
    Part(
        "kantoku",
        "circus.watcher",
        (
            "Watcher.graceful_timeout",
            "Watcher.env",
            "Watcher.hooks",
            "Watcher.numprocesses",
            "Watcher.max_retry",
            "Watcher.processes",
            "Watcher.spawn_process",
            "Watcher.send_signal_process",
        ),
        "bento/supervisor.py",
        "The workers are told who starts them, are killed if they don't end in time, and live on "
        "if another can't be started.",
        "live/test_workers.py",
    ),
)

UVICORN_PARTS = (
    Part(
        "uvicorn",
        "uvicorn",
        ("Server",),
        "bento/ingress.py",
        "`DrainingServer` takes its place, to stop within a stated time.",
        "live/test_ingress.py",
    ),
    Part(
        "uvicorn",
        "uvicorn",
        (
            "Server.shutdown",
            "Server.servers",
            "Server.server_state",
            "Server.lifespan",
            "Server.force_exit",
        ),
        "transport/http1/server.py",
        "Stopping ends connections that uvicorn would wait for without limit.",
        "live/test_draining.py",
    ),
    Part(
        "uvicorn",
        "uvicorn.protocols.http.auto",
        ("AutoHTTPProtocol",),
        "bento/ingress.py",
        "`HttpConnection` takes its place.",
        "live/test_ingress.py",
    ),
    Part(
        "uvicorn",
        "uvicorn.loops.auto",
        ("auto_loop_factory",),
        "bento/ingress.py",
        "Several workers share the connections fairly by a loop of their own.",
        "live/test_ingress.py",
    ),
    *(
        Part(
            "uvicorn",
            "uvicorn.server",
            (
                "ServerState.connections",
                "ServerState.tasks",
                "ServerState.total_requests",
                "ServerState.default_headers",
            ),
            file,
            "uvicorn's server knows its connections and tasks by it.",
            "live/test_draining.py",
        )
        for file in ("transport/http1/carrier.py", "transport/http1/connection.py")
    ),
    Part(
        "uvicorn",
        "uvicorn.protocols.http.httptools_impl",
        (
            "RequestResponseCycle.run_asgi",
            "RequestResponseCycle.body",
            "RequestResponseCycle.more_body",
            "RequestResponseCycle.disconnected",
            "RequestResponseCycle.keep_alive",
            "RequestResponseCycle.message_event",
            "RequestResponseCycle.response_started",
            "RequestResponseCycle.response_complete",
            "RequestResponseCycle.waiting_for_100_continue",
        ),
        "transport/http1/asgi_request.py",
        "It carries a request to BentoML's ASGI application and back.",
        "transport/http1/test_carriers.py",
    ),
    Part(
        "uvicorn",
        "uvicorn.protocols.utils",
        ("get_local_addr", "get_remote_addr", "is_ssl"),
        "transport/http1/asgi_request.py",
        "They tell an ASGI application who asks, as uvicorn tells it.",
        "transport/http1/test_carriers.py",
    ),
)

SMALL_PARTS = (
    Part(
        "hpack",
        "hpack.table",
        ("HeaderTable.add", "HeaderTable.maxsize", "HeaderTable._maxsize"),
        "transport/http2/headers.py",
        "Changes of the dynamic table are counted: while there is none, a block is read once.",
        "transport/http2/test_headers.py",
    ),
    Part(
        "prometheus-client",
        "prometheus_client",
        ("Histogram._sum", "Histogram._buckets", "Histogram._upper_bounds"),
        "telemetry/buffering.py",
        "Many values are written for the price of a few.",
        "live/test_metrics.py",
    ),
    Part(
        "prometheus-client",
        "prometheus_client.values",
        ("MultiProcessValue",),
        "telemetry/worker_exits.py",
        "The supervisor counts lost workers, and isn't a worker itself.",
        "live/test_workers.py",
    ),
    Part(
        "prometheus-client",
        "prometheus_client.values",
        ("MmapedDict",),
        "telemetry/reserved_files.py",
        "On a full disk, its own files end the process.",
        "telemetry/test_reserved_files.py",
    ),
    Part(
        "prometheus-client",
        "prometheus_client.mmap_dict",
        (
            "MmapedDict._init_value",
            "MmapedDict._used",
            "MmapedDict._capacity",
            "MmapedDict._f",
        ),
        "telemetry/reserved_files.py",
        "On a full disk, its own files end the process.",
        "telemetry/test_reserved_files.py",
    ),
    Part(
        "pillow",
        "PIL._imaging",
        ("__file__",),
        "tasks/preprocessing/containers/tiff.py",
        "libtiff is loaded with it, and must not write to the standard error.",
        "live/test_odd_files.py",
    ),
    Part(
        "pillow",
        "PIL._webp",
        ("WebPAnimDecoder",),
        "tasks/preprocessing/containers/webp.py",
        "It reads the first frame of an animation, which Pillow's own reader does with all others.",
        "tasks/test_odd_metadata.py",
    ),
)

WITHOUT_PUBLIC_API = "The public API needs 75 MB and two seconds more, for nothing that is used."

TENSORFLOW_PARTS = (
    Part(
        "tensorflow",
        "tensorflow.python.compat.v2_compat",
        ("enable_v2_behavior",),
        "runtime/tensorflow_import.py",
        WITHOUT_PUBLIC_API,
        "runtime/test_tensorflow_import.py",
    ),
    *(
        Part(
            "tensorflow",
            module,
            names,
            "runtime/saved_model.py",
            why,
            "runtime/test_saved_model.py",
        )
        for module, names, why in (
            ("tensorflow.python.framework.versions", ("VERSION",), WITHOUT_PUBLIC_API),
            ("tensorflow.python.framework.errors", ("OpError",), WITHOUT_PUBLIC_API),
            ("tensorflow.python.framework.ops", ("Graph",), WITHOUT_PUBLIC_API),
            (
                "tensorflow.python.saved_model.loader_impl",
                (
                    "SavedModelLoader.saved_model",
                    "SavedModelLoader.get_meta_graph_def_from_tags",
                    "SavedModelLoader.load_graph",
                    "SavedModelLoader.restore_variables",
                    "SavedModelLoader.run_init_ops",
                ),
                "The graph is changed before it is loaded: compiled calls are added.",
            ),
            (
                "tensorflow.python.client.session",
                ("Session._make_callable_from_options",),
                "The public ways to call a session cost 20 µs more.",
            ),
        )
    ),
    Part(
        "tensorflow",
        "tensorflow.python.framework.dtypes",
        ("as_dtype",),
        "runtime/signature_check.py",
        WITHOUT_PUBLIC_API,
        "runtime/test_several_inputs.py",
    ),
)

PARTS = (*BENTOML_PARTS, *UVICORN_PARTS, *SMALL_PARTS, *TENSORFLOW_PARTS)

LIST = PartList("service", PARTS)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.module} {part.used_by}")
def test_the_part_is_there_and_used(part: Part) -> None:
    LIST.check_part(part)


@pytest.mark.parametrize("library", sorted({part.library for part in PARTS}))
def test_only_versions_that_were_tried_are_installed(library: str) -> None:
    check_version(library)


@pytest.mark.parametrize("name", LIST.modules)
def test_no_other_part_is_used(name: str) -> None:
    LIST.check_module(name)


def test_the_page_lists_the_parts() -> None:
    assert LIST.table() in PAGE.read_text(), f"the page must have\n{LIST.table()}"

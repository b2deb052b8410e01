"""The format of the log, for people or for machines, and the access log."""

import logging
import sys
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from select import PIPE_BUF
from typing import Any, Final, Literal, TextIO

import orjson

from service.telemetry.buffering import Buffered
from service.telemetry.exchange import Exchange
from service.telemetry.failures import described

Format = Literal["text", "json"]

_OTHERS: Final = ("bentoml", "circus", "uvicorn.error")
_QUOTING: Final = (
    "PIL",
    "opentelemetry.attributes",
    "opentelemetry.baggage",
    "opentelemetry.trace",
    "python_multipart",
)
"""Loggers that quote what callers send. What is wrong with that is said in the answers."""
_MOST_WARNINGS: Final = 1_000
_MOST_CHARACTERS: Final = 500  # of a warning
_IDS: Final = ("request_id", "trace_id")


def configure_logging(log_format: Format, level: str, worker: str | None) -> None:
    """Print all log lines of this process in one format.

    `worker` is the worker's number, None in the process that supervises the workers.

    Other packages log from the level that they have set, or from `level` if that is higher.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonFormatter(worker) if log_format == "json" else _TextFormatter(worker))
    root = logging.getLogger()
    root.handlers = [handler]
    minimum = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger("service").setLevel(minimum)
    for logger in (root, *map(logging.getLogger, _OTHERS)):
        logger.setLevel(max(logger.getEffectiveLevel(), minimum))
    for name in _OTHERS:
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    for name in _QUOTING:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").addFilter(_without_details)
    # By default Python keeps every warning's text in memory, and with files they never end.
    warnings.simplefilter("always", append=True)
    warnings.showwarning = _WarningLog()


class AccessLog(Buffered):
    """Prints a line for each exchange that has ended: some milliseconds later, many at once."""

    def __init__(self, log_format: Format, worker: str) -> None:
        """Print lines in the format that `configure_logging` chooses for the same arguments."""
        self._line = _json_line if log_format == "json" else _text_line
        self._worker = worker
        self._exchanges: list[Exchange] = []

    def __call__(self, exchange: Exchange) -> None:
        """Keep an exchange until its line is printed."""
        self._exchanges.append(exchange)
        self._schedule_flush()

    def _flush(self) -> None:
        epoch = time.time() - time.monotonic()
        lines = [self._line(e, e.ended + epoch, self._worker) for e in self._exchanges]
        self._exchanges.clear()
        for chunk in _chunks(lines):
            sys.stdout.write(chunk)
            sys.stdout.flush()


class _WarningLog:
    """Logs Python's warnings, one for each place in the code."""

    def __init__(self) -> None:
        self._places: set[tuple[str, int]] = set()

    def __call__(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        place = filename, lineno
        if place in self._places or len(self._places) >= _MOST_WARNINGS:
            return
        self._places.add(place)
        text = f"{category.__name__}: {message}"[:_MOST_CHARACTERS]
        logging.getLogger("py.warnings").warning("%s (%s:%d)", text, filename, lineno)


def _without_details(record: logging.LogRecord) -> bool:
    """Remove from asyncio's lines what they show of the task that failed: it may quote a caller."""
    record.msg, record.args = record.getMessage().partition("\n")[0], ()
    return True


class _Formatter(logging.Formatter):
    """What both forms have in common."""

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return described(ei[1])


class _TextFormatter(_Formatter):
    def __init__(self, worker: str | None) -> None:
        process = "supervisor" if worker is None else f"worker {worker}"
        super().__init__(f"%(asctime)s [%(levelname)s] [{process}] %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return _timestamp(record.created)


class _JsonFormatter(_Formatter):
    def __init__(self, worker: str | None) -> None:
        super().__init__()
        self._worker = worker

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _timestamp(record.created),
            "level": record.levelname.lower(),
            "worker": self._worker or "supervisor",
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in _IDS if getattr(record, name, None)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def _chunks(lines: list[str]) -> Iterator[str]:
    """Join lines up to the size that a pipe writes as a whole, unmixed with other processes'."""
    chunk = ""
    for line in lines:
        if len(chunk) + len(line) > PIPE_BUF:
            yield chunk
            chunk = ""
        chunk += line
    yield chunk


def _text_line(exchange: Exchange, moment: float, worker: str) -> str:
    facts = " ".join(f"{name}={value}" for name, value in _facts(exchange).items())
    return f"{_timestamp(moment)} [INFO] [worker {worker}] access: {facts}\n"


def _json_line(exchange: Exchange, moment: float, worker: str) -> str:
    line = {
        "time": _timestamp(moment),
        "level": "info",
        "worker": worker,
        "logger": "service.access",
        "message": f"{exchange.operation} {exchange.status}",
    }
    return orjson.dumps(line | _facts(exchange)).decode() + "\n"


def _facts(exchange: Exchange) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "request_id": exchange.request_id,
        "endpoint": exchange.endpoint,
        "protocol": exchange.protocol,
        "caller": exchange.caller,
        "status": exchange.status,
        "duration_ms": round((exchange.ended - exchange.started) * 1e3, 3),
        "inputs": len(exchange.prediction.outcomes) if exchange.prediction else 0,
        "bytes": exchange.size,
    }
    if exchange.trace_id:
        facts["trace_id"] = exchange.trace_id
    return facts


def _timestamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")

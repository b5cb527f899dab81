"""Log lines: one JSON object a line, with names from a list. What is not on the list cannot be logged."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

ALLOWED = frozenset(
    {
        "event", "level", "timestamp", "request_id", "method", "route", "status", "ms", "agency", "actor", "code",
        "count", "port", "host", "pid", "version", "database", "kind", "error", "where", "chore", "signal", "pause",
        "sequence",
    }
)  # fmt: skip


def _only_allowed(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: value for name, value in line.items() if name in ALLOWED}


def configure(level: str = "INFO") -> None:
    """Send every line to stderr. Libraries' own loggers say warnings only, and only their first line."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _only_allowed,
            structlog.processors.JSONRenderer(lambda line, **how: orjson.dumps(line, **how).decode()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Foreign()], level=logging.WARNING, force=True)


class _Foreign(logging.Handler):
    """What libraries log, without their arguments or tracebacks: both may carry what people wrote."""

    def emit(self, record: logging.LogRecord) -> None:
        line = structlog.get_logger()
        line.warning("library", where=record.name, kind=record.levelname, error=_kind_of(record))


def _kind_of(record: logging.LogRecord) -> str | None:
    """The class of the exception a library logged, if it logged one."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind.__name__ if kind else None


def logger() -> Any:
    """The logger. Call it as `logger().info("event.name", code=…)`, with names from ALLOWED."""
    return structlog.get_logger()

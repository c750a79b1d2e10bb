"""Logs: one JSON object a line, on standard error."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

_EXTRA = (
    *("request_id", "method", "route", "status", "duration_ms", "db", "address"),
    *("reason", "alert", "kind", "subject", "severity"),
)

access = logging.getLogger("multiarm.access")


class JSONFormatter(logging.Formatter):
    """A record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "pid": record.process,
        }
        line.update((name, getattr(record, name)) for name in _EXTRA if hasattr(record, name))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "server.logs.JSONFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}},
    "loggers": {
        "multiarm": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "_granian": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
    },
}


def log_request(request_id: str, method: str, route: str, status: int, seconds: float) -> None:
    """Writes an access line."""
    access.info(
        "%s %s",
        method,
        route,
        extra={
            "request_id": request_id,
            "method": method,
            "route": route,
            "status": status,
            "duration_ms": round(seconds * 1e3, 3),
        },
    )

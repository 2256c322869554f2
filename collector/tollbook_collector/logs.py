"""The log of a collector: lines on standard error, for people or as JSON for machines.

    {"time": "2026-11-02T10:00:00.123Z", "level": "WARNING", "logger": "tollbook_collector.app",
     "message": "…", "error": "…the traceback, where there is one…"}

One line an event, whatever stands in it: JSON escapes line ends and control characters, so that
what a sender wrote cannot look like an event of its own.
"""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import TextIO


class JsonLines(logging.Formatter):
    """Writes an event as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = datetime.fromtimestamp(record.created, UTC)
        event = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            event["error"] = self.formatException(record.exc_info)
        return json.dumps(event)


class TextLines(logging.Formatter):
    """Writes an event as one line for people; what would end the line is escaped."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- of the library
        """Return the line, without the traceback that may follow."""
        line = super().formatMessage(record)
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


def log_to(stream: TextIO = sys.stderr, form: str = "text", level: str = "WARNING") -> None:
    """Write the log to a stream from now on.

    Args:
        stream: Where.
        form: text or json.
        level: DEBUG, INFO, WARNING or ERROR: what is less is left out.
    """
    # gRPC's core writes lines of its own about each sender that fails a handshake. It asks for this
    # when it is imported.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    writer = logging.StreamHandler(stream)
    writer.setFormatter(JsonLines() if form == "json" else TextLines())
    logging.basicConfig(level=level, handlers=[writer], force=True)

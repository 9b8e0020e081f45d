"""The log as lines of JSON: what happened, when, and of what, for programs that gather logs.

What belongs here: the shape of a line. What does not: what is logged (everybody), where it goes (``main``).
"""

import json
import logging
import traceback
from datetime import UTC, datetime

IDS = ("notification_id", "client_id", "provider", "lane", "method", "route", "status", "ms", "trace_id")
"""What a line may say beside its text: given as ``extra``, each a member of its own."""


class JsonLines(logging.Formatter):
    """``time`` in UTC, ``level``, ``logger``, ``event`` (the text without its values: the same for the same event),
    ``message`` (with them), those of IDS that are known, and for a fault ``error`` and ``where``.

    The words of an exception are left out, as they may quote data; its type and the lines it came by are not.
    """  # noqa: D205 - one list

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": getattr(record, "event", None) or str(record.msg),
            "message": record.getMessage(),
        }
        line |= {name: value for name in IDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["where"] = [f"{one.filename}:{one.lineno}" for one in traceback.extract_tb(record.exc_info[2])]
        return json.dumps(line, ensure_ascii=False)

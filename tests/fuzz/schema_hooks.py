"""What schemathesis must be told about our API: how NDJSON is written. It loads this file by SCHEMATHESIS_HOOKS."""

import json
from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def ndjson(_: Any, lines: Any) -> bytes:
    """A line per request; what is no array goes as it is, to be refused."""
    if not isinstance(lines, list):
        return lines if isinstance(lines, bytes) else str(lines).encode("utf-8", "replace")
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)

"""A form that brings a file, read as it arrives: its fields first, then the file, which is never held whole.

What belongs here: multipart/form-data (RFC 7578) with bounds. What does not: what becomes of the file (engine).
"""

from collections.abc import AsyncIterator
from email.message import Message
from typing import TypeAlias

from multipart import MultipartError, MultipartSegment, PushMultipartParser

from esoz_notify.console.visit import Forged, Visit
from esoz_notify.core.errors import InvalidInput, Problem

FIELDS_MAX = 8
FIELD_BYTES_MAX = 1_000
FORM_BYTES_MAX = 64 * 1024
"""What a form may have besides its file."""

_Part: TypeAlias = "MultipartSegment | bytes | bytearray | None"


class Brought:
    """One form. ``fields``: those that come before the file; ``name``: of the file."""

    def __init__(self, request: Visit) -> None:
        head = Message()
        head["content-type"] = request.headers.get("content-type", "")
        boundary = head.get_boundary("")
        if not boundary:
            raise Forged("the form is not as pages of ours send it")
        self._parts = _parts(request, boundary)
        self.fields: dict[str, str] = {}
        self.name = ""

    async def begin(self) -> None:
        """Read up to the file. Raises InvalidInput."""
        name, value = "", bytearray()
        async for part in self._parts:
            if isinstance(part, MultipartSegment):
                name, value = part.name or "", bytearray()
                if part.filename is not None:
                    self.name = part.filename
                    return
            elif part is None:
                self.fields[name] = value.decode("utf-8", "replace")
            elif len(value) + len(part) > FIELD_BYTES_MAX:
                raise _wrong("a field is too long")
            else:
                value += part

    async def content(self) -> AsyncIterator[bytes]:
        """The file. Raises InvalidInput when it breaks off."""
        async for part in self._parts:
            if part is None:
                return
            if not isinstance(part, MultipartSegment):
                yield bytes(part)


async def _parts(request: Visit, boundary: str) -> AsyncIterator[_Part]:
    parser = PushMultipartParser(boundary, max_segment_count=FIELDS_MAX)
    try:
        async for block in request.stream():
            if block:
                for part in parser.parse(block):
                    yield part
        parser.close()
    except MultipartError:
        raise _wrong("the form broke off or is not one") from None


def _wrong(rule: str) -> InvalidInput:
    return InvalidInput([Problem("/bulk_file", "broken", rule)])

"""The lab's memory on disk: an append-only NDJSON file of ``[kind, record]`` lines. Kinds belong to their owners."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

Record = dict[str, Any]
_ENCODE = msgspec.json.Encoder().encode


class Journal:
    """Lines gathered within one turn of the loop go out in one write; who answers a caller flushes before the answer.

    So a killed lab has not forgotten what it said it had. Without a path everything is accepted and forgotten. Not for
    two labs at once.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._fd: int | None = None
        self._lines: list[bytes] = []

    def load(self) -> Iterator[tuple[str, Record]]:
        """Every whole line written by earlier labs, in order; a line torn by a kill is cut off the file."""
        if self._path is None or not self._path.exists():
            return
        whole = 0
        with self._path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                kind, record = msgspec.json.decode(line)
                yield kind, record
        os.truncate(self._path, whole)

    def open(self) -> None:
        """Start to write after what is there; makes the file and its folder."""
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def append(self, kind: str, record: Mapping[str, object]) -> None:
        """Remember one thing; on disk by the end of this turn of the loop."""
        if self._fd is None:
            return
        if not self._lines:
            asyncio.get_running_loop().call_soon(self.flush)
        self._lines.append(_ENCODE((kind, record)))

    def flush(self) -> None:
        """Write what was gathered, now: in the kernel's hands, so the end of this process cannot lose it."""
        if self._fd is None or not self._lines:
            return
        data = memoryview(b"\n".join((*self._lines, b"")))
        self._lines.clear()
        while data:
            data = data[os.write(self._fd, data) :]

    def close(self) -> None:
        """Write the rest and close; later appends are ignored."""
        self.flush()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

"""Looking for secrets in heaps of bytes, in every spelling that a program may give them.

What belongs here: spellings, and the search by GNU grep. What does not: which secrets there are, and where.
"""

import base64
import json
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

SHORT = 8
"""Fewer letters are found by chance in random bytes; such a secret is looked for with its surroundings only."""


def phone_spellings(e164: str) -> list[str]:
    """A phone as people and programs write it: whole, national, grouped."""
    digits, national = e164[1:], e164[3:]
    a, b, c, d = national[:3], national[3:6], national[6:8], national[8:]
    grouped = [f"{a}{gap}{b}{gap}{c}{gap}{d}" for gap in (" ", "-", ".")]
    grouped += [f"({a}) {b}-{c}-{d}", f"({a}){b}-{c}-{d}", f"{a} {b}{c}{d}"]
    whole = [f"{code}{sep}{one}" for one in grouped for code in ("38", "+38") for sep in ("", " ", "-")]
    return [e164, digits, national, *grouped, *whole]


def encodings(text: str) -> Iterator[bytes]:
    """The bytes that a text becomes: plain, wide, escaped, in hex and in base64 at each of its three offsets."""
    plain = text.encode()
    for raw in (plain, text.encode("utf-16-be"), text.encode("utf-16-le")):
        yield raw
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
        yield from _base64s(raw)
    escaped = json.dumps(text)[1:-1]
    yield escaped.encode()
    yield escaped.upper().replace("\\U", "\\u").encode()
    yield json.dumps(escaped)[1:-1].encode()
    yield repr(plain)[2:-1].encode()
    yield quote(text).encode()
    yield quote(text, safe="").lower().encode()


def _base64s(raw: bytes) -> Iterator[bytes]:
    for offset in range(3):
        coded = base64.b64encode(bytes(offset) + raw).rstrip(b"=")
        # The first and last letters also hold bits of what stands beside it.
        inner = coded[(0, 2, 3)[offset] : len(coded) - (0 if (offset + len(raw)) % 3 == 0 else 1)]
        if len(inner) >= SHORT:
            yield inner
            yield inner.replace(b"+", b"-").replace(b"/", b"_")


def needles(secrets: Mapping[str, str]) -> dict[bytes, str]:
    """Every spelling of every secret, and whose it is. ``secrets``: by a name that may be shown."""
    found: dict[bytes, str] = {}
    for name, text in secrets.items():
        spellings = phone_spellings(text) if re.fullmatch(r"\+380\d{9}", text) else [text, text.upper(), text.lower()]
        for spelling in spellings:
            for needle in encodings(spelling):
                # Zero bytes are taken out of needles and heaps alike: grep's patterns are lines of text.
                found.setdefault(needle.replace(b"\0", b""), name)
    return {needle: name for needle, name in found.items() if len(needle) >= SHORT and b"\n" not in needle}


def search(secrets: Mapping[str, str], heaps: Iterable[Path]) -> list[tuple[str, str]]:
    """Which secret is in which file: pairs of the secret's name and the file's path."""
    wanted = needles(secrets)
    files = list(heaps)
    with tempfile.TemporaryDirectory(prefix="esoz-notify-leaks-") as made:
        scratch = Path(made)
        (scratch / "needles").write_bytes(b"\n".join(sorted(wanted)) + b"\n")
        for number, path in enumerate(files):
            (scratch / f"{number}.heap").write_bytes(path.read_bytes().replace(b"\0", b""))
        done = subprocess.run(
            ["grep", "-a", "-o", "-F", "-r", "--include=*.heap", "-f", "needles", "."],
            cwd=scratch,
            capture_output=True,
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
            check=False,
        )
    assert done.returncode in {0, 1}, done.stderr.decode()
    hits = (line.partition(b".heap:") for line in done.stdout.splitlines())
    return sorted({(wanted[hit], str(files[int(number.removeprefix(b"./"))])) for number, _, hit in hits})

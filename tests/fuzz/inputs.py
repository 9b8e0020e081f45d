"""Where inputs come from when no coverage guides them: the kept corpus, and changes to it that Hypothesis chooses.

What belongs here: finding and making inputs. What does not: what is tried with them (``targets``).
"""

from pathlib import Path

from hypothesis import strategies as st
from tests.fuzz.targets import Target

CORPUS = Path(__file__).parent / "corpus"

WORDS = (
    b"\0", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b'"', b"\\ud800", b"{", b"}", b"[" * 3_000, b"1" * 5_000, b"-1",
    b"1e999", b"NaN", b"null", b"true", b"[]", b"{}", b"\r\n", b"%00", "\u202e".encode(), "１".encode(), "ı".encode(),
    b"\xff\xff\xff\xff", b"\x80\0\0\0", b"9999-12-31T23:59:59-23:59", b"+380000000001", b"~nobody/x",
)  # fmt: skip
"""Pieces that have broken readers before, ours or others'."""

_ACTS = ("insert", "replace", "cut", "end", "double")


def kept(target: Target) -> list[Path]:
    """Files of the corpus of one target."""
    folder = CORPUS / target.name
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def changed(data: bytes, act: str, at: int, piece: bytes) -> bytes:
    """One change at a place that is counted from the beginning, around and around."""
    at %= len(data) + 1
    match act:
        case "insert":
            return data[:at] + piece + data[at:]
        case "replace":
            return data[:at] + piece + data[at + len(piece) :]
        case "cut":
            return data[:at] + data[at + len(piece) + 1 :]
        case "end":
            return data[:at]
        case _:
            return data[:at] + data


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Seeds and kept inputs with up to four changes, and octets out of nowhere."""
    bases = [*target.seeds, *(path.read_bytes() for path in kept(target))]
    pieces = st.binary(max_size=6) | st.sampled_from(WORDS) | st.sampled_from(target.seeds)
    changes = st.lists(st.tuples(st.sampled_from(_ACTS), st.integers(0, 1 << 14), pieces), max_size=4)

    def build(base: bytes, todo: list[tuple[str, int, bytes]]) -> bytes:
        for act, at, piece in todo:
            base = changed(base, act, at, piece)
        return base

    return st.builds(build, st.sampled_from(bases), changes) | st.binary(max_size=64)

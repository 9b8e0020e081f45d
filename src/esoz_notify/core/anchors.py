"""Anchors of the audit: its head as it was signed on a day, and walking the whole chain past them.

What belongs here: what is signed, an anchor as a line of text, and what a walk finds. What does not: keys and
signatures (``store.audit_key``), where anchors and rows come from (``engine.anchors``).
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from esoz_notify.core.audit import GENESIS, Entry, Head, fault

FRESH = timedelta(days=2)
"""A working installation makes one a day: the newest being older says that it stopped, or that newer ones are gone."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = b"esoz-notify audit anchor 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The head of the chain at a time, signed. ``no`` counts anchors without gaps; ``key_id`` names the public key."""

    no: int
    head: Head
    at: datetime
    key_id: str
    signature: bytes

    @property
    def signed(self) -> bytes:
        """What the signature is over."""
        return signed(self.no, self.head, self.at)


def signed(no: int, head: Head, at: datetime) -> bytes:
    """What a signature is over: the anchor's number, the head and the time."""
    microseconds = (at - _EPOCH) // timedelta(microseconds=1)
    return b"%b\n%d\n%d\n%d\n%b" % (_FORM, no, head.seq, microseconds, head.hash)


def write_line(anchor: Anchor) -> str:
    """One line of JSON, for a file or for paper."""
    return json.dumps(
        {
            "no": anchor.no,
            "seq": anchor.head.seq,
            "hash": anchor.head.hash.hex(),
            "at": anchor.at.astimezone(UTC).isoformat(),
            "key": anchor.key_id,
            "signature": anchor.signature.hex(),
        }
    )


def read_line(line: str) -> Anchor:
    """An anchor of a file. Raises ValueError."""
    try:
        found = json.loads(line)
        return Anchor(
            no=int(found["no"]),
            head=Head(int(found["seq"]), bytes.fromhex(found["hash"])),
            at=datetime.fromisoformat(found["at"]).astimezone(UTC),
            key_id=str(found["key"]),
            signature=bytes.fromhex(found["signature"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError("it is not an anchor") from error


@dataclass(frozen=True, slots=True)
class Fault:
    """What was touched. ``seq``: the first row that is not as it was; None when it is an anchor."""

    seq: int | None
    what: str


def judge_anchors(
    kept: Sequence[Anchor], copies: Iterable[Anchor], is_genuine: Callable[[Anchor], bool]
) -> tuple[list[Anchor], list[Fault]]:
    """Give the genuine anchors of the ledger (``kept``, by number) and of copies elsewhere, and what is wrong with any.

    A copy that nobody of ours signed says nothing about the ledger, but somebody should look at that file.
    """
    numbers = [anchor.no for anchor in kept]
    gap = next((no for no, found in enumerate(numbers, start=1) if found != no), None)
    faults = [] if gap is None else [Fault(None, f"anchor {gap} is missing in the ledger")]
    genuine = []
    for where, anchor in [*(("in the ledger", one) for one in kept), *(("in the copies", one) for one in copies)]:
        if not is_genuine(anchor):
            faults.append(Fault(None, f"anchor {anchor.no} {where} is not signed by a key that is trusted here"))
            continue
        if anchor not in kept:
            faults.append(Fault(None, f"anchor {anchor.no} of {anchor.at:%Y-%m-%d} {_gone(anchor.no, numbers)}"))
        genuine.append(anchor)
    return sorted(genuine, key=lambda one: one.head.seq), faults


def _gone(no: int, numbers: Sequence[int]) -> str:
    """What must have become of an anchor of which there is only a copy."""
    if no <= max(numbers, default=no):
        return "was taken out of the ledger: there is a copy"
    return "is newer than the ledger: its end was cut off, or it was restored from a backup (docs/backup.md)"


class Walk:
    """Goes along a chain row by row; the first fault stays, and nothing after it is judged."""

    def __init__(self, anchors: Sequence[Anchor], start: Head = GENESIS) -> None:
        """``anchors``: genuine ones, by the row they stand at, none before ``start``, which is taken as it is."""
        self._waiting = list(reversed(anchors))
        self._proved = start
        self.head = start
        self.found: Fault | None = None
        self._pass_anchors()

    def step(self, row: Entry) -> None:
        """Judge the row that follows."""
        if self.found is not None:
            return
        what = fault(self.head, row)
        if what is not None:
            self.found = Fault(self.head.seq + 1, what)
            return
        self.head = Head(row.seq, row.hash)
        self._pass_anchors()

    def end(self) -> None:
        """Judge that there are no more rows."""
        if self.found is None and self._waiting:
            anchor = self._waiting[-1]
            cut = f"it is missing: anchor {anchor.no} of {anchor.at:%Y-%m-%d} was signed over {anchor.head.seq} rows"
            self.found = Fault(self.head.seq + 1, cut)

    @property
    def unproved(self) -> int:
        """Rows that no anchor stands over yet."""
        return self.head.seq - self._proved.seq

    def _pass_anchors(self) -> None:
        while self.found is None and self._waiting and self._waiting[-1].head.seq == self.head.seq:
            anchor = self._waiting.pop()
            if anchor.head.hash == self.head.hash:
                self._proved = self.head
                continue
            first = self._proved.seq + 1
            rows = f"rows {first} to {self.head.seq} are" if first < self.head.seq else "it is"
            self.found = Fault(first, f"{rows} not what anchor {anchor.no} of {anchor.at:%Y-%m-%d} was signed over")

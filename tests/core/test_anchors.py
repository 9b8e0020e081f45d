"""Anchors: what is signed and written, and what a walk along the chain past them finds."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.core.anchors import Anchor, Walk, judge_anchors, read_line, signed, write_line
from esoz_notify.core.audit import GENESIS, Action, Deed, Entry, Head, entry

AT = datetime(2026, 11, 26, 12, 0, 0, 123456, tzinfo=UTC)


def chain(count: int, *, who: str = "olena") -> list[Entry]:
    """A chain of deeds that differ by their numbers."""
    rows: list[Entry] = []
    for number in range(count):
        head = Head(rows[-1].seq, rows[-1].hash) if rows else GENESIS
        rows.append(entry(head, Deed(actor=f"person:{who}", action=Action.PRINT, subject=f"notification:{number}"), AT))
    return rows


def anchor(no: int, rows: Sequence[Entry], seq: int) -> Anchor:
    """An anchor over the first ``seq`` rows."""
    head = Head(seq, rows[seq - 1].hash) if seq else GENESIS
    return Anchor(no=no, head=head, at=AT + timedelta(days=no), key_id="k", signature=b"s%d" % no)


def walked(rows: Sequence[Entry], anchors: Sequence[Anchor]) -> Walk:
    """A walk from the first row to the end."""
    walk = Walk(anchors)
    for row in rows:
        walk.step(row)
    walk.end()
    return walk


def test_a_whole_chain() -> None:
    """Nothing is found in what was only added to; what comes after the last anchor is told apart."""
    rows = chain(7)
    walk = walked(rows, [anchor(1, rows, 0), anchor(2, rows, 3), anchor(3, rows, 3), anchor(4, rows, 5)])
    assert (walk.found, walk.head.seq, walk.unproved) == (None, 7, 2)
    assert walked([], []).found is None


def test_the_first_bad_row_is_named_and_stays() -> None:
    """A changed row is named by its number; what follows it is not judged any more."""
    rows = chain(5)
    rows[2] = replace(rows[2], actor="person:petro")
    found = walked([*rows[:3], rows[4]], []).found
    assert found is not None
    assert (found.seq, found.what) == (3, "it is not what was written")


@given(st.integers(1, 9), st.data())
def test_a_chain_written_anew_is_found_by_anchors(count: int, data: st.DataObject) -> None:
    """Whoever makes every hash anew from some row on is found, when an anchor stands at that row or after it."""
    rows = chain(count)
    places = sorted(data.draw(st.lists(st.integers(0, count), min_size=1, max_size=4)))
    anchors = [anchor(no, rows, seq) for no, seq in enumerate(places, start=1)]
    touched = data.draw(st.integers(0, count - 1))
    forged = list(rows[:touched])
    for row in rows[touched:]:
        head = Head(forged[-1].seq, forged[-1].hash) if forged else GENESIS
        forged.append(entry(head, Deed(actor="person:nobody", action=Action.PRINT, subject=row.subject), AT))
    found = walked(forged, anchors).found
    assert (found is not None) == (places[-1] > touched)
    if found is not None:
        proved = max((place for place in places if place <= touched), default=0)
        assert found.seq == proved + 1
        assert "not what anchor" in found.what


@given(st.integers(1, 9), st.data())
def test_a_tail_cut_off_is_found(count: int, data: st.DataObject) -> None:
    """Rows taken from the end are missed when an anchor was signed over one of them; the first missing is named."""
    rows = chain(count)
    seq = data.draw(st.integers(0, count))
    left = data.draw(st.integers(0, count))
    found = walked(rows[:left], [anchor(1, rows, seq)]).found
    assert (found is not None) == (left < seq)
    assert found is None or (found.seq == left + 1 and f"signed over {seq} rows" in found.what)


def test_anchors_of_the_ledger_and_copies() -> None:
    """A gap, a wrong signature, an anchor taken away and a forged copy are each named; the rest serves."""
    rows = chain(4)
    one, two, three = (anchor(no, rows, no) for no in (1, 2, 3))
    forged = replace(two, signature=b"forged")

    def is_genuine(given: Anchor) -> bool:
        return given.signature != b"forged"

    assert judge_anchors([one, two], [one], is_genuine) == ([one, one, two], [])
    good, faults = judge_anchors([one, three], [two, forged], is_genuine)
    assert good == [one, two, three]
    assert [fault.what for fault in faults] == [
        "anchor 2 is missing in the ledger",
        "anchor 2 of 2026-11-28 was taken out of the ledger: there is a copy",
        "anchor 2 in the copies is not signed by a key that is trusted here",
    ]
    _, faults = judge_anchors([one], [two], is_genuine)
    (said,) = [fault.what for fault in faults]
    assert said == (
        "anchor 2 of 2026-11-28 is newer than the ledger: its end was cut off, or it was restored from a backup "
        "(docs/backup.md)"
    )
    good, faults = judge_anchors([one, forged], [], is_genuine)
    assert (good, [fault.seq for fault in faults]) == ([one], [None])


def test_what_is_signed_differs_with_each_part() -> None:
    """Number, head and time are each under the signature."""
    parts = (1, Head(2, b"h" * 32), AT)
    changes = [(2, *parts[1:]), (1, Head(3, b"h" * 32), AT), (1, Head(2, b"i" * 32), AT)]
    changes += [(*parts[:2], AT + timedelta(microseconds=1))]
    assert len({signed(*parts), *(signed(*one) for one in changes)}) == 5
    rows = chain(1)
    assert anchor(1, rows, 1).signed == signed(1, Head(1, rows[0].hash), AT + timedelta(days=1))


def test_a_line_is_read_as_it_was_written() -> None:
    """An anchor on paper or in a file is the same anchor."""
    one = anchor(3, chain(2), 2)
    assert read_line(write_line(one)) == one


@pytest.mark.parametrize("line", ["", "{}", "[]", "nonsense", '{"no": null}', '{"no": 1, "seq": 1, "hash": "zz"}'])
def test_no_anchor(line: str) -> None:
    """What is no anchor is refused."""
    with pytest.raises(ValueError, match="not an anchor"):
        read_line(line)


def test_a_walk_may_begin_within() -> None:
    """From a row that is taken as it is, past the anchors at it and after it, to the end."""
    rows = chain(6)
    start = Head(3, rows[2].hash)
    walk = Walk([anchor(1, rows, 3), anchor(2, rows, 5)], start)
    for row in rows[3:]:
        walk.step(row)
    walk.end()
    assert (walk.found, walk.unproved, walk.head.seq) == (None, 1, 6)
    other = Walk([anchor(1, chain(6, who="petro"), 3)], start)
    assert other.found is not None

"""What may be noted of a deed, and the chain: any one change, deletion, swap or insertion shows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.core.audit import GENESIS, Action, Deed, Entry, Head, check, entry, fault, id_of, is_personal, visible
from esoz_notify.core.errors import InvalidInput

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
DEED = Deed(actor="person:o.koval", action=Action.REPRINT, subject="notification:1", why="lost", details={"no": "2"})


def test_actions_have_meanings() -> None:
    """Every action has a value of its own and a sentence."""
    assert len({one.value for one in Action}) == len(Action)
    assert all(one.meaning.endswith(".") and one.meaning[0].isupper() for one in Action)
    assert Action("reveal_phone") is Action.REVEAL_PHONE


@pytest.mark.parametrize(
    "text",
    ["+380000000001", "0000000001", "38 (000) 000-00-01", "call 000 000 00 01!", "tax 1234567890", "٠٥٠١٢٣٤٥٦٧"],
)
def test_phones_and_tax_numbers_are_refused(text: str) -> None:
    """However it is spaced, a phone or a tax number is noted nowhere, and the error does not repeat it."""
    assert is_personal(text)
    with pytest.raises(InvalidInput) as told:
        check(replace(DEED, why=text))
    assert text not in told.value.detail
    with pytest.raises(ValueError, match="detail"):
        check(replace(DEED, details={"no": text}))


@pytest.mark.parametrize(
    "text",
    ["papers got wet", "01.02.2026 10:00", "2026-11-26T12:00:00Z", "no 12345678", "", "0123-4567-89AB-CEIK"],
)
def test_what_may_be_noted(text: str) -> None:
    """Dates, short numbers and words are no personal data."""
    check(replace(DEED, why=text, details={"what": text}))


def test_ids_are_no_phones() -> None:
    """An id whose digits happen to look like a phone is an id."""
    check(replace(DEED, subject="notification:01234567-0123-7123-8123-012345678901"))


@pytest.mark.parametrize(
    "broken",
    [
        {"actor": "olena"}, {"actor": "person:"}, {"actor": "Person:o"}, {"actor": "person:0000000001"},
        {"subject": "patient:Олена"}, {"subject": "patient:a b"}, {"subject": "phone:380000000001"},
        {"details": {"No": "1"}}, {"details": {"no": "x" * 101}}, {"details": {"no": "a\nb"}},
        {"details": dict.fromkeys("abcdefghi", "1")},
    ],
)  # fmt: skip
def test_what_is_ours_to_get_right(broken: dict[str, Any]) -> None:
    """A deed that breaks a rule of its form is a mistake of ours, and is not noted."""
    with pytest.raises(ValueError, match="of a deed"):
        check(replace(DEED, **broken))


@pytest.mark.parametrize("why", ["x" * 201, "two\nlines", "\x00", "\udc80"])
def test_reasons_are_one_short_line(why: str) -> None:
    """A reason that is long, of several lines or unprintable is refused naming the field."""
    with pytest.raises(InvalidInput) as told:
        check(replace(DEED, why=why))
    assert [problem.pointer for problem in told.value.problems] == ["/why"]


TEXTS = st.text(st.characters(categories=("L", "P")), max_size=5)
DEEDS = st.builds(
    Deed,
    actor=st.sampled_from(["person:olena", "caller:mis-1"]),
    action=st.sampled_from(Action),
    subject=st.sampled_from(["notification:1", "notification:2"]),
    why=st.none() | TEXTS,
    details=st.dictionaries(st.sampled_from(["no", "a", "b"]), TEXTS, max_size=2),
)


def _chain(deeds: list[Deed]) -> list[Entry]:
    rows: list[Entry] = []
    head = GENESIS
    for number, deed in enumerate(deeds):
        rows.append(entry(head, deed, AT + timedelta(microseconds=number)))
        head = Head(rows[-1].seq, rows[-1].hash)
    return rows


def _first_bad(rows: list[Entry]) -> int | None:
    head = GENESIS
    for row in rows:
        if fault(head, row) is not None:
            return head.seq + 1
        head = Head(row.seq, row.hash)
    return None


@given(st.lists(DEEDS, max_size=8))
def test_a_chain_as_written_is_whole(deeds: list[Deed]) -> None:
    """What was only added to has no fault."""
    assert _first_bad(_chain(deeds)) is None


CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "seq": st.integers(-1, 9),
    "at": st.none() | st.sampled_from([AT - timedelta(days=1), AT + timedelta(microseconds=77)]),
    "actor": TEXTS,
    "action": st.sampled_from([*(one.value for one in Action), ""]),
    "subject": TEXTS,
    "why": st.none() | TEXTS,
    "details": TEXTS,
    "prev": st.binary(min_size=0, max_size=33),
    "hash": st.binary(min_size=0, max_size=33),
}


@given(st.lists(DEEDS, min_size=2, max_size=8), st.data())
def test_any_change_is_found(deeds: list[Deed], data: st.DataObject) -> None:
    """One field of one row changed: that row is named, or the one before whose number was taken away."""
    rows = _chain(deeds)
    at = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from(list(CHANGES)))
    changed = replace(rows[at], **{name: data.draw(CHANGES[name])})
    if changed == rows[at]:
        return
    assert _first_bad([*rows[:at], changed, *rows[at + 1 :]]) == at + 1


@given(st.lists(DEEDS, min_size=2, max_size=8), st.data())
def test_any_deletion_swap_and_insertion_is_found(deeds: list[Deed], data: st.DataObject) -> None:
    """A row gone (but the last), two that changed places, one put between: the first place that is wrong is named.

    However the numbers and links of the rows are mended, as long as their hashes are not made anew from there on.
    """
    rows = _chain(deeds)
    at = data.draw(st.integers(0, len(rows) - 2))
    assert _first_bad([*rows[:at], *rows[at + 1 :]]) == at + 1
    closed = [replace(row, seq=row.seq - 1) for row in rows[at + 1 :]]
    assert _first_bad([*rows[:at], *closed]) == at + 1
    one, other = rows[at], rows[at + 1]
    swapped = [replace(other, seq=one.seq), replace(one, seq=other.seq)]
    assert _first_bad([*rows[:at], *swapped, *rows[at + 2 :]]) == at + 1
    forged = entry(Head(one.seq, one.hash), deeds[0], AT - timedelta(days=1))
    pushed = [replace(row, seq=row.seq + 1) for row in rows[at + 1 :]]
    assert _first_bad([*rows[: at + 1], forged, *pushed]) == at + 3
    assert _first_bad([*rows[: at + 1], one, *rows[at + 1 :]]) == at + 2


def test_each_guard_of_the_chain_stands_alone() -> None:
    """What only one of them can see: a row made anew with the link after it mended, one of another chain, a gap."""
    first, second, third = _chain([DEED, DEED, DEED])
    made_anew = entry(Head(1, first.hash), replace(DEED, why="found"), AT)
    assert _first_bad([first, made_anew, replace(third, prev=made_anew.hash)]) == 3
    _, of_another, *_ = _chain([replace(DEED, why="found"), DEED])
    assert fault(Head(1, first.hash), of_another) == "it does not follow the row before it"
    later = entry(Head(7, second.hash), DEED, AT)
    assert fault(Head(2, second.hash), later) == "it is missing"
    assert fault(Head(2, second.hash), entry(Head(1, second.hash), DEED, AT)) == "another row has the same number"


def test_letters_do_not_slide_between_fields() -> None:
    """The end of one field that becomes the beginning of the next is a change."""
    row = entry(GENESIS, replace(DEED, actor="person:os", action=Action.PRINT), AT)
    assert fault(GENESIS, replace(row, actor="person:o", action="sprint")) == "it is not what was written"


@given(DEEDS, DEEDS)
def test_two_deeds_are_never_one(one: Deed, other: Deed) -> None:
    """Two rows have the same hash only when they say the same: what is said cannot slide from field to field."""
    first, second = entry(GENESIS, one, AT), entry(GENESIS, other, AT)
    assert (first.hash == second.hash) == (replace(first, hash=b"") == replace(second, hash=b""))


def test_people_are_told_the_id_of_an_actor() -> None:
    """Without the word before it; of what is no actor there is none."""
    assert [id_of(actor) for actor in ("person:o.koval", "caller:mis-1", "nobody", "")] == ["o.koval", "mis-1", "", ""]


def test_what_a_reason_hides_is_written_out() -> None:
    """Letters that turn the line around are shown as what they are; what people write stays."""
    assert visible("Друк «зіпсовано»: 2 шт.") == "Друк «зіпсовано»: 2 шт."
    assert visible("a\u202eb\n") == "a\\u202eb\\u000a"

"""Prepared policies: where they are at a time, who may do what with them, and what they change."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from esoz_notify.core.channel import Channel, Step
from esoz_notify.core.crisis import Signature
from esoz_notify.core.errors import Conflict
from esoz_notify.core.kinds import PolicyColumn
from esoz_notify.core.policy import Policies, Policy
from esoz_notify.core.policy_draft import (
    Change,
    ChangeKind,
    Draft,
    DraftState,
    base_of,
    base_on,
    changes,
    earliest_day,
    is_taken,
    publish,
    published,
    state_of,
    withdraw,
)

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
TODAY = date(2026, 3, 1)
DAY = timedelta(days=1)
SMS = Step(Channel.SMS)


def a_policy(version: str, from_date: date, *codes: Step) -> Policy:
    routes = {PolicyColumn.CODES: codes or (SMS,), PolicyColumn.DOCUMENTS: (SMS,), PolicyColumn.REST: (SMS,)}
    return Policy(version=version, from_date=from_date, routes=routes)


OLD = a_policy("old", date(2025, 1, 1))
OF_FILE = Policies(all=(OLD,))


def a_draft(version: str = "new", from_date: date = TODAY + 3 * DAY, no: int = 1) -> Draft:
    proposed = Signature("olena", NOW - DAY)
    return Draft(id=UUID(int=no), policy=a_policy(version, from_date), reason="faster", proposed=proposed)


def by_taras(draft: Draft, at: datetime = NOW) -> Draft:
    return replace(draft, published=Signature("taras", at))


def back(draft: Draft) -> Draft:
    return replace(draft, withdrawn=Signature("ivan", NOW), withdrawn_why="not yet")


def test_those_that_count() -> None:
    """Published and not taken back; of one day the later published is in force, and before the file's of that day."""
    first, second = by_taras(a_draft("a"), NOW - DAY), by_taras(a_draft("b", no=2))
    found = published([second, a_draft("c", no=3), back(by_taras(a_draft("d", no=4))), first])
    assert [one.version for one in found] == ["a", "b"]
    joined = Policies(all=(OLD, a_policy("file", TODAY + 3 * DAY))).joined(found)
    assert [one.version for one in joined.all] == ["old", "file", "a", "b"]
    assert joined.on(TODAY + 3 * DAY).version == "b"
    assert joined.on(TODAY + 2 * DAY).version == "old"


@pytest.mark.parametrize(
    ("draft", "days", "state"),
    [
        (a_draft(), 0, DraftState.DRAFT),
        (a_draft(), 3, DraftState.LAPSED),
        (back(a_draft()), 0, DraftState.WITHDRAWN),
        (back(by_taras(a_draft())), 9, DraftState.WITHDRAWN),
        (by_taras(a_draft()), 2, DraftState.COMING),
        (by_taras(a_draft()), 3, DraftState.IN_FORCE),
        (by_taras(a_draft()), 5, DraftState.PAST),
    ],
)
def test_where_a_draft_is(draft: Draft, days: int, state: DraftState) -> None:
    """Its Kyiv calendar day brings it in force if it was published, and the next one's ends it."""
    policies = OF_FILE.joined([*published([draft]), a_policy("later", TODAY + 5 * DAY)])
    assert state_of(draft, policies, NOW + days * DAY) is state


def test_a_policy_of_before_the_first_is_past() -> None:
    """Of policies that do not know it none is in force before the first of them."""
    assert (
        state_of(by_taras(a_draft()), Policies(all=(a_policy("x", TODAY + 9 * DAY),)), NOW + 4 * DAY) is DraftState.PAST
    )


@pytest.mark.parametrize(
    ("now", "first"),
    [
        (NOW, TODAY + DAY),
        (datetime(2026, 3, 1, 21, 58, tzinfo=UTC), TODAY + DAY),  # 23:58 in Kyiv
        (datetime(2026, 3, 1, 21, 59, 0, tzinfo=UTC), TODAY + 2 * DAY),  # a minute before midnight there
        (datetime(2026, 3, 1, 22, 0, tzinfo=UTC), TODAY + 2 * DAY),
    ],
)
def test_the_earliest_day(now: datetime, first: date) -> None:
    """Tomorrow by Kyiv's calendar; in its last minute the day after, since not everybody could learn of it in time."""
    assert earliest_day(now) == first


def test_another_person_publishes() -> None:
    """By another person, once; a second time changes nothing."""
    with pytest.raises(Conflict) as refused:
        publish(a_draft(), " Olena ", NOW, OF_FILE, compared_with="old")
    assert refused.value.code == "policy_needs_another_person"
    done = publish(a_draft(), "taras", NOW, OF_FILE, compared_with="old")
    assert done.published == Signature("taras", NOW)
    assert publish(done, "ivan", NOW + 9 * DAY, OF_FILE, compared_with="") is done


@pytest.mark.parametrize(
    ("draft", "now", "policies", "compared_with", "code"),
    [
        (back(a_draft()), NOW, OF_FILE, "old", "policy_withdrawn"),
        (a_draft(), NOW + 3 * DAY, OF_FILE, "old", "policy_day_begun"),
        (a_draft(), NOW, OF_FILE.joined([a_policy("x", TODAY + 3 * DAY)]), "old", "policy_day_taken"),
        (a_draft(), NOW, OF_FILE.joined([a_policy("x", TODAY + 2 * DAY)]), "old", "policy_base_changed"),
        (a_draft(), NOW, Policies(all=(a_policy("x", TODAY + 9 * DAY),)), "old", "policy_base_changed"),
    ],
)
def test_what_is_not_published(draft: Draft, now: datetime, policies: Policies, compared_with: str, code: str) -> None:
    """Nothing taken back, too late, of a day that another has, or of which something else was shown."""
    with pytest.raises(Conflict) as refused:
        publish(draft, "taras", now, policies, compared_with=compared_with)
    assert refused.value.code == code


def test_the_first_of_all_is_compared_with_nothing() -> None:
    """Where nothing is in force on its day, nothing was shown."""
    only = Policies(all=(a_policy("x", TODAY + 9 * DAY),))
    assert publish(a_draft(), "taras", NOW, only, compared_with="").counts


def test_one_person_takes_back() -> None:
    """Before its day, published or not; a second time changes nothing; of a day that has begun nobody may."""
    for draft in (a_draft(), by_taras(a_draft())):
        gone = withdraw(draft, "olena", "not yet", NOW)
        assert (gone.withdrawn, gone.withdrawn_why, gone.counts) == (Signature("olena", NOW), "not yet", False)
        assert withdraw(gone, "ivan", "again", NOW + 9 * DAY) is gone
        with pytest.raises(Conflict, match="has begun"):
            withdraw(draft, "olena", "late", NOW + 3 * DAY)


def test_what_it_is_compared_with() -> None:
    """What would be in force on its day without it; nothing before the first policy."""
    draft = by_taras(a_draft())
    assert base_of(draft, OF_FILE.joined(published([draft]))) == OLD
    assert base_of(draft, Policies(all=(draft.policy,))) is None
    assert base_on(date(2020, 1, 1), OF_FILE) is None
    assert is_taken(date(2025, 1, 1), OF_FILE)
    assert not is_taken(TODAY, OF_FILE)


def test_changes_are_told_by_column() -> None:
    """Channels that come and go, windows that change, and another order; what is the same is not told."""
    diia, viber = Step(Channel.DIIA, 60.0), Step(Channel.VIBER, 20.0)
    before = a_policy("a", TODAY, viber, diia, SMS)
    after = a_policy("b", TODAY, Step(Channel.DIIA, 60.0), Step(Channel.VIBER, 30.0), Step(Channel.PRINT))
    column = PolicyColumn.CODES
    assert changes(before, after) == (
        Change(column=column, kind=ChangeKind.REMOVED, channel=Channel.SMS),
        Change(column=column, kind=ChangeKind.ADDED, channel=Channel.PRINT),
        Change(column=column, kind=ChangeKind.WINDOW, channel=Channel.VIBER, before_s=20.0, after_s=30.0),
        Change(column=column, kind=ChangeKind.ORDER),
    )
    assert changes(before, before) == ()

"""The crisis switch: when it is in force, whom it covers, who may do what with it, and what people are told."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.core.crisis import (
    OVER,
    Affected,
    Crisis,
    CrisisState,
    Proposal,
    Scope,
    Signature,
    banner,
    check_overlap,
    confirm,
    covering,
    goes_on_paper,
    in_force,
    state_of,
    why_on_paper,
    withdraw,
)
from esoz_notify.core.errors import Conflict
from esoz_notify.core.kinds import KINDS
from esoz_notify.core.phone import Phone

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
PRESCRIPTION = KINDS["prescription_issued"]
HERE = Phone("+380000000001")
ELSEWHERE = Phone("+380010000001")


def a_proposal(
    scope: Scope = Scope.OPERATOR, *values: str, starts_at: datetime = NOW, ends_at: datetime = NOW + HOUR
) -> Proposal:
    covered = values or (() if scope is Scope.EVERYTHING else ("+38000",))
    return Proposal(scope=scope, values=covered, starts_at=starts_at, ends_at=ends_at, reason="nothing arrives")


def a_crisis(proposal: Proposal | None = None, *, confirmed: bool = True, no: int = 1) -> Crisis:
    return Crisis(
        id=UUID(int=no),
        proposal=proposal or a_proposal(),
        proposed=Signature("olena", NOW - HOUR),
        confirmed=Signature("taras", NOW - HOUR) if confirmed else None,
    )


def of(phone: Phone | None = HERE, kind: str = "prescription_issued", **more: str) -> Affected:
    return Affected(kind=KINDS[kind], phone=phone, **more)


# --- time -------------------------------------------------------------------------------------------------------------

minutes = st.integers(-300, 300).map(lambda count: NOW + timedelta(minutes=count))


@st.composite
def crises(draw: st.DrawFn) -> Crisis:
    """A switch as it may be in the ledger: signatures in the order in which they can be given."""
    starts_at = draw(minutes)
    proposed_at = min(starts_at, draw(minutes))
    ends_at = starts_at + timedelta(minutes=draw(st.integers(1, 300)))
    crisis = Crisis(
        id=UUID(int=draw(st.integers(1, 9))),
        proposal=a_proposal(starts_at=starts_at, ends_at=ends_at),
        proposed=Signature("olena", proposed_at),
    )
    for act in draw(st.permutations(["confirm", "withdraw", "nothing"])):
        at = proposed_at + timedelta(minutes=draw(st.integers(0, 600)))
        last = max([one.at for one in (crisis.proposed, crisis.confirmed, crisis.withdrawn) if one])
        if act == "nothing":
            break
        if at >= last and state_of(crisis, at) not in OVER:
            crisis = confirm(crisis, "taras", at) if act == "confirm" else withdraw(crisis, "taras", "over", at)
    return crisis


@given(crises(), minutes)
def test_it_is_in_force_between_its_times_and_at_no_other(crisis: Crisis, now: datetime) -> None:
    """In force exactly from the later of start and confirmation until the earlier of end and withdrawal."""
    begins = [crisis.proposal.starts_at, *([crisis.confirmed.at] if crisis.confirmed else [])]
    ends = [crisis.proposal.ends_at, *([crisis.withdrawn.at] if crisis.withdrawn else [])]
    expected = crisis.confirmed is not None and max(begins) <= now < min(ends)

    assert (state_of(crisis, now) is CrisisState.IN_FORCE) == expected
    assert in_force([crisis], now) == ((crisis,) if expected else ())


@given(crises(), minutes, minutes)
def test_what_is_over_stays_over(crisis: Crisis, first: datetime, second: datetime) -> None:
    """Nothing comes back: a state that is over is the same at every later time, and nothing more may be done to it."""
    first, second = sorted((first, second))
    state = state_of(crisis, first)
    if state not in OVER:
        return
    assert state_of(crisis, second) is state
    with pytest.raises(Conflict) as refused:
        confirm(crisis, "taras", second)
    assert refused.value.code == "crisis_over"


@given(crises())
def test_every_one_is_over_at_its_end(crisis: Crisis) -> None:
    """Nobody has to do anything for it to end."""
    assert state_of(crisis, crisis.proposal.ends_at) in OVER


@pytest.mark.parametrize(
    ("crisis", "at", "state"),
    [
        (a_crisis(confirmed=False), NOW, CrisisState.PROPOSED),
        (a_crisis(confirmed=False), NOW + HOUR, CrisisState.LAPSED),
        (a_crisis(), NOW - timedelta(microseconds=1), CrisisState.COMING),
        (a_crisis(), NOW, CrisisState.IN_FORCE),
        (a_crisis(), NOW + HOUR - timedelta(microseconds=1), CrisisState.IN_FORCE),
        (a_crisis(), NOW + HOUR, CrisisState.ENDED),
        (confirm(a_crisis(confirmed=False), "taras", NOW + HOUR / 2), NOW + HOUR / 4, CrisisState.COMING),
        (withdraw(a_crisis(), "olena", "over", NOW), NOW, CrisisState.WITHDRAWN),
        (withdraw(a_crisis(confirmed=False), "olena", "a mistake", NOW), NOW + 2 * HOUR, CrisisState.WITHDRAWN),
    ],
)
def test_states(crisis: Crisis, at: datetime, state: CrisisState) -> None:
    """The states by name, at the very edges of their times."""
    assert state_of(crisis, at) is state


# --- whom it covers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proposal", "affected", "is_covered"),
    [
        (a_proposal(Scope.EVERYTHING), of(None), True),
        (a_proposal(Scope.OPERATOR, "+38067", "+38000"), of(HERE), True),
        (a_proposal(Scope.OPERATOR, "+38000"), of(ELSEWHERE), False),
        (a_proposal(Scope.OPERATOR, "+38000"), of(None), False),
        (a_proposal(Scope.REGION, "Київська  область"), of(region=" КИЇВСЬКА область"), True),
        (a_proposal(Scope.REGION, "Київська область"), of(region="Київ"), False),
        (a_proposal(Scope.REGION, "Київська область"), of(), False),
        (a_proposal(Scope.PROGRAMME, "p-1", "P-2"), of(programme="p-2"), True),
        (a_proposal(Scope.PROGRAMME, "p-1"), of(programme="p-3"), False),
        (a_proposal(Scope.PROGRAMME, "p-1"), of(region="p-1"), False),
    ],
)
def test_whom_it_covers(proposal: Proposal, affected: Affected, *, is_covered: bool) -> None:
    """By scope; what is not known of a notification is not guessed. Spelling of names does not count."""
    assert bool(covering([a_crisis(proposal)], affected, NOW)) is is_covered


def test_a_code_that_confirms_something_never_goes_on_paper() -> None:
    """On the doctor's paper it would prove nothing of the patient's will; a text of other components has no page."""
    assert [name for name, kind in KINDS.items() if not goes_on_paper(kind)] == ["confirmation_code", "plain_text"]
    assert covering([a_crisis(a_proposal(Scope.EVERYTHING))], of(kind="confirmation_code"), NOW) == ()


def test_the_narrowest_is_told() -> None:
    """Several may cover one notification: each counts it, the one that says most is told; only those in force."""
    everything = a_crisis(a_proposal(Scope.EVERYTHING), no=1)
    region = a_crisis(a_proposal(Scope.REGION, "Київ"), no=2)
    programme = a_crisis(a_proposal(Scope.PROGRAMME, "p-1"), no=3)
    second, first = a_crisis(no=5), a_crisis(no=4)
    proposed = a_crisis(confirmed=False, no=6)
    known = [everything, region, proposed, second, programme, first]

    assert covering(known, of(region="київ", programme="p-1"), NOW) == (first, second, programme, region, everything)
    assert covering(known, of(region="київ", programme="p-1"), NOW + HOUR) == ()


# --- who may do what --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["olena", "Olena", " olena "])
def test_four_eyes(who: str) -> None:
    """Who proposed it may not confirm it, however the name is written; somebody else may, once."""
    crisis = a_crisis(confirmed=False)
    with pytest.raises(Conflict) as refused:
        confirm(crisis, who, NOW)
    confirmed = confirm(crisis, "taras", NOW)

    assert refused.value.code == "needs_another_person"
    assert confirmed.confirmed == Signature("taras", NOW)
    assert confirm(confirmed, "ivan", NOW + HOUR / 2) is confirmed


def test_one_person_withdraws() -> None:
    """Proposer, confirmer or a third: once; the first stays on record. What has ended has nothing to withdraw."""
    withdrawn = withdraw(a_crisis(), "olena", "it works again", NOW)

    assert (withdrawn.withdrawn, withdrawn.withdrawn_why) == (Signature("olena", NOW), "it works again")
    assert withdraw(withdrawn, "taras", "me too", NOW + HOUR) is withdrawn
    with pytest.raises(Conflict) as refused:
        withdraw(a_crisis(), "olena", "too late", NOW + HOUR)
    assert refused.value.code == "crisis_over"


@pytest.mark.parametrize(
    ("one", "other", "overlaps"),
    [
        (a_proposal(), a_proposal(), True),
        (a_proposal(Scope.OPERATOR, "+38001", "+38000"), a_proposal(Scope.OPERATOR, "+38000", "+38002"), True),
        (a_proposal(Scope.OPERATOR, "+38001"), a_proposal(), False),
        (a_proposal(Scope.REGION, "Київ"), a_proposal(Scope.REGION, "київ"), True),
        (a_proposal(Scope.REGION, "+38000"), a_proposal(), False),
        (a_proposal(Scope.EVERYTHING), a_proposal(Scope.EVERYTHING), True),
        (a_proposal(Scope.EVERYTHING), a_proposal(), False),
        (a_proposal(starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR), a_proposal(), False),
        (a_proposal(starts_at=NOW - HOUR, ends_at=NOW), a_proposal(), False),
        (a_proposal(starts_at=NOW - HOUR, ends_at=NOW + HOUR / 2), a_proposal(), True),
    ],
)
@pytest.mark.parametrize("confirmed", [True, False])
def test_no_two_for_the_same_at_once(one: Proposal, other: Proposal, *, overlaps: bool, confirmed: bool) -> None:
    """A second one for the same people and time is refused, also of one that waits; one may follow another at once."""
    crisis = a_crisis(other, confirmed=confirmed)
    if not overlaps:
        check_overlap(one, [crisis], NOW)
        return
    with pytest.raises(Conflict) as refused:
        check_overlap(one, [crisis], NOW)
    assert (refused.value.code, str(crisis.id) in refused.value.detail) == ("crisis_overlaps", True)


def test_what_is_over_is_in_nobodys_way() -> None:
    """After a withdrawal the same may be proposed again."""
    check_overlap(a_proposal(), [withdraw(a_crisis(), "olena", "a mistake", NOW)], NOW)


# --- sentences --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", Scope)
def test_every_scope_has_its_sentences(scope: Scope) -> None:
    """Why a page is printed, and the banner, in both languages; the banner names whom and until when in Kyiv."""
    values = () if scope is Scope.EVERYTHING else ("+38000", "+38001")
    crisis = a_crisis(a_proposal(scope, *values))
    told = banner([crisis, crisis])

    assert why_on_paper(crisis).code == f"crisis_{scope}"
    assert told is not None
    for sentence in (told.uk, told.en):
        assert sentence.count("01.03.2026 13:00") == 2
        assert sentence.count("+38000, +38001") == (2 if values else 0)
        assert crisis.proposal.reason not in sentence
    assert not re.search(r"[а-яєіїґ]", told.en, re.IGNORECASE)
    assert banner([]) is None

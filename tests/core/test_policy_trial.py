"""What a policy would have done: worked out by hand for small worlds, and true for all of them."""

from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.core.channel import Channel, Step
from esoz_notify.core.kinds import PolicyColumn
from esoz_notify.core.policy_trial import (
    ENDED_COUNT_MIN,
    SEEN_COUNT_MIN,
    Shown,
    Story,
    Trial,
    trials,
)

VIBER, SMS, DIIA, PRINT = Channel.VIBER, Channel.SMS, Channel.DIIA, Channel.PRINT
CODES = PolicyColumn.CODES
PRICES = {DIIA: Decimal(0), VIBER: Decimal("0.5"), SMS: Decimal(1)}


def a_story(
    shown: Mapping[Channel, Shown],
    told_s: float | None = 5.0,
    told_by: Channel | None = SMS,
    *,
    column: PolicyColumn = CODES,
    begun_s: float = 0.0,
    life_s: float = 300.0,
) -> Story:
    return Story(column=column, life_s=life_s, begun_s=begun_s, told_s=told_s, told_by=told_by, shown=shown)


def tried(stories: list[Story], *steps: Step) -> Trial:
    """The trial of codes."""
    routes = {column: (steps if column is CODES else (Step(SMS),)) for column in PolicyColumn}
    return next(one for one in trials(stories, routes, PRICES) if one.column is CODES)


ON_VIBER = a_story({VIBER: Shown(proved_s=4.0)}, 4.0, VIBER)
LATE_ON_VIBER = a_story({VIBER: Shown(proved_s=70.0), SMS: Shown(proved_s=5.0, parts=2)}, 25.0, SMS)
NOT_ON_VIBER = a_story({VIBER: Shown(refused_s=1.0), SMS: Shown(proved_s=5.0, parts=1)}, 6.0, SMS)
NOWHERE = a_story({VIBER: Shown(), SMS: Shown(parts=1)}, None, None)


def test_what_is_known_is_done_again() -> None:
    """Proved after the same time, refused after the same time, silent to the end; overtaken messages cost as well."""
    stories = [ON_VIBER] * 25 + [LATE_ON_VIBER] * 25 + [NOT_ON_VIBER] * 25 + [NOWHERE] * 25
    found = tried(stories, Step(VIBER, 20.0), Step(SMS))
    assert found.count == 100
    really, drafted = found.really, found.drafted
    assert really is not None
    assert drafted is not None
    assert (really.within_10s, really.within_60s, really.within_life) == (0.5, 0.75, 0.75)
    assert {channel: share for channel, share in really.by.items() if share} == {VIBER: 0.25, SMS: 0.5}
    # Viber of the first, Viber (late) and two parts of the second, a part of the third and of the fourth, each 25.
    assert really.cost_per_1000 == 1000 * Decimal("0.25") * (Decimal("0.5") + Decimal("2.5") + 1 + 1)
    # On Viber alone 4 s and 70 s of 20 + 5 and 1 + 5 s: as it was, but for the story that has begun at once.
    assert drafted == really


@pytest.mark.parametrize(
    ("story", "steps", "figures"),
    [
        # A wider window lets the late proof of Viber come first, and no SMS is begun.
        (LATE_ON_VIBER, (Step(VIBER, 80.0), Step(SMS)), (0.0, 0.0, 1.0, VIBER, "0.5")),
        # A narrow one: the SMS is first, at 10 + 5 s; both cost.
        (LATE_ON_VIBER, (Step(VIBER, 10.0), Step(SMS)), (0.0, 1.0, 1.0, SMS, "2.5")),
        # What refuses is not waited for.
        (NOT_ON_VIBER, (Step(VIBER, 100.0), Step(SMS)), (1.0, 1.0, 1.0, SMS, "1")),
        # SMS first: at once.
        (LATE_ON_VIBER, (Step(SMS),), (1.0, 1.0, 1.0, SMS, "2")),
        # Silent, and then paper, which is there at once and costs nothing here.
        (NOWHERE, (Step(VIBER, 50.0), Step(PRINT)), (0.0, 1.0, 1.0, PRINT, "0")),
        # A window as long as the life: nothing begins after it.
        (NOWHERE, (Step(VIBER, 300.0), Step(PRINT)), (0.0, 0.0, 0.0, None, "0")),
    ],
)
def test_windows_decide(
    story: Story, steps: tuple[Step, ...], figures: tuple[float, float, float, Channel | None, str]
) -> None:
    """When the next channel begins, and what is begun, follows from the windows of the draft."""
    drafted = tried([story] * ENDED_COUNT_MIN, *steps).drafted
    assert drafted is not None
    soon, minute, life, by, cost = figures
    assert (drafted.within_10s, drafted.within_60s, drafted.within_life) == (soon, minute, life)
    assert {channel for channel, share in drafted.by.items() if share} == ({by} if by else set())
    assert drafted.cost_per_1000 == 1000 * Decimal(cost)


def test_queues_are_waited_in_again() -> None:
    """What waited before its first attempt waits as long."""
    waited = a_story({SMS: Shown(proved_s=5.0, parts=1)}, 13.0, SMS, begun_s=8.0)
    drafted = tried([waited] * ENDED_COUNT_MIN, Step(SMS)).drafted
    assert drafted is not None
    assert (drafted.within_10s, drafted.within_60s) == (0.0, 1.0)


def test_what_is_unknown_is_as_with_others() -> None:
    """A channel that nobody tried with a person reaches the share that it reaches, at the times that it takes."""
    fast, slow = Shown(proved_s=5.0), Shown(proved_s=50.0)
    seen = [a_story({VIBER: one}, one.proved_s, VIBER) for one in (fast, slow, Shown()) for _ in range(30)]
    unknown = [a_story({SMS: Shown(proved_s=5.0, parts=1)}) for _ in range(90)]
    drafted = tried([*seen, *unknown], Step(VIBER, 100.0), Step(SMS)).drafted
    assert drafted is not None
    # Of each half two thirds by Viber; of five equally likely times two are fast and three slow.
    assert drafted.by[VIBER] == pytest.approx(2 / 3)
    assert drafted.within_10s == pytest.approx((1 / 3 + 2 / 3 * 2 / 5) / 2)
    assert drafted.within_life == pytest.approx(1.0)
    # Those who had no SMS before are reckoned with the mean of parts.
    assert float(drafted.cost_per_1000) == pytest.approx(1000 * (2 / 3 * 0.5 + 1 / 3 * 1))


def test_a_channel_that_reaches_nobody() -> None:
    """Where every try was in vain, an unknown one is too."""
    seen = [a_story({VIBER: Shown()}, None, None) for _ in range(SEEN_COUNT_MIN)]
    unknown = [a_story({SMS: Shown(proved_s=5.0, parts=1)}) for _ in range(ENDED_COUNT_MIN)]
    drafted = tried([*seen, *unknown], Step(VIBER, 10.0), Step(SMS)).drafted
    assert drafted is not None
    assert drafted.by[VIBER] == 0


def test_other_columns_stand_in() -> None:
    """A channel that this column has not is judged by the others; with too few tries it is named and nothing drawn."""
    own = [a_story({SMS: Shown(proved_s=5.0, parts=1)}) for _ in range(ENDED_COUNT_MIN)]
    others = [
        a_story({DIIA: Shown(proved_s=2.0)}, 2.0, DIIA, column=PolicyColumn.DOCUMENTS) for _ in range(SEEN_COUNT_MIN)
    ]
    steps = (Step(DIIA, 20.0), Step(SMS))
    drafted = tried([*own, *others], *steps).drafted
    assert drafted is not None
    assert drafted.by[DIIA] == pytest.approx(1.0)
    few = tried([*own, *others[1:]], *steps)
    assert (few.drafted, few.unseen, few.really is not None) == (None, (DIIA,), True)


def test_too_few_say_nothing() -> None:
    """Fewer than are needed give their count alone."""
    found = tried([ON_VIBER] * (ENDED_COUNT_MIN - 1), Step(SMS))
    assert found == Trial(column=CODES, count=ENDED_COUNT_MIN - 1, really=None, drafted=None)


times = st.none() | st.floats(0, 400)
shown = st.builds(Shown, proved_s=times, refused_s=times, parts=st.integers(0, 3))
stories = st.builds(
    a_story,
    st.dictionaries(st.sampled_from([DIIA, VIBER, SMS]), shown),
    begun_s=st.floats(0, 100),
)
routes = st.permutations([DIIA, VIBER]).flatmap(
    lambda order: st.tuples(st.integers(0, 2), st.floats(1, 400), st.floats(1, 400)).map(
        lambda given: (*(Step(one, given[place + 1]) for place, one in enumerate(order[: given[0]])), Step(SMS))
    )
)


@given(st.lists(stories, min_size=1, max_size=8), routes)
def test_shares_are_shares(some: list[Story], steps: tuple[Step, ...]) -> None:
    """Whatever was seen: sooner is never more than later, nobody is told twice, and nothing costs less than nothing."""
    full = a_story({DIIA: Shown(proved_s=3.0), VIBER: Shown(), SMS: Shown(proved_s=9.0, parts=1)})
    drafted = tried([*some, *[full] * ENDED_COUNT_MIN], *steps).drafted
    assert drafted is not None
    assert 0 <= drafted.within_10s <= drafted.within_60s + 1e-9
    assert drafted.within_60s <= drafted.within_life + 1e-9 <= 1 + 2e-9
    assert sum(drafted.by.values()) == pytest.approx(drafted.within_life)
    assert drafted.cost_per_1000 >= 0

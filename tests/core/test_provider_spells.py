"""A provider's past as spells, and how long each change lasted."""

from datetime import UTC, datetime, timedelta

import pytest

from esoz_notify.core.provider_spells import Changed, Spell, lasted_s, spells

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def at(minute: float) -> datetime:
    return AT + timedelta(minutes=minute)


def changes(*told: tuple[float, str]) -> list[Changed]:
    return [Changed(at(minute), change) for minute, change in told]


def words(found: tuple[Spell, ...]) -> list[tuple[str, float, float]]:
    return [(one.word, (one.began - AT).seconds / 60, (one.ended - AT).seconds / 60) for one in found]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([], [("up", 0, 60)]),
        ([(-30, "open")], [("open", 0, 60)]),
        ([(-30, "open"), (-20, "closed")], [("up", 0, 60)]),
        (
            [(10, "open"), (12, "half_open"), (13, "closed")],
            [("up", 0, 10), ("open", 10, 12), ("half_open", 12, 13), ("up", 13, 60)],
        ),
        ([(10, "held"), (20, "open"), (30, "resumed")], [("up", 0, 10), ("held", 10, 30), ("open", 30, 60)]),
        (
            [(10, "slow"), (20, "receipts_stopped"), (30, "slow_over"), (40, "receipts_back")],
            [("up", 0, 10), ("slow", 10, 20), ("receipts_stopped", 20, 40), ("up", 40, 60)],
        ),
        ([(0, "held")], [("held", 0, 60)]),
        ([(70, "held")], [("up", 0, 60)]),
    ],
)
def test_spells_are_the_weightiest_word_of_each_while(
    told: list[tuple[float, str]], expected: list[tuple[str, float, float]]
) -> None:
    """Without gaps from the first moment to the last, whatever was before the first."""
    assert words(spells(changes(*told), at(0), at(60))) == expected


def test_a_change_lasts_until_the_next_of_its_kind() -> None:
    """A hold ends when it is resumed, whatever the circuit does meanwhile; what still lasts, lasts until now."""
    told = changes((0, "held"), (5, "open"), (6, "half_open"), (20, "resumed"))
    assert [lasted_s(told, place, at(60)) / 60 for place in range(4)] == [20, 1, 54, 40]

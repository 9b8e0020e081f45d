"""Binds of an account among workers: never one number for two, fair shares, and an end to giving and taking."""

from collections import Counter
from random import Random
from uuid import UUID

import pytest

from esoz_notify.core.binds import Claim, bound_elsewhere, free_no, may_take, to_give_back

ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))


def claims(**held: dict[UUID, int | None]) -> list[Claim]:
    """Claims by provider and worker, those with a number bound."""
    return [
        Claim(provider=provider, process=process, no=no, bound=no is not None)
        for provider, numbers in held.items()
        for process, no in numbers.items()
    ]


@pytest.mark.parametrize(
    ("held", "free"), [({}, 1), ({ONE: 1}, 2), ({ONE: 2}, 1), ({ONE: 1, TWO: 2}, None), ({ONE: 1, TWO: None}, 2)]
)
def test_the_lowest_number_that_nobody_holds_is_free(held: dict[UUID, int | None], free: int | None) -> None:
    """Numbers run to the cap; one that waits holds none, and other providers' numbers are others'."""
    assert free_no([*claims(a=held), *claims(b={THREE: 1})], "a", 2) == free


def test_a_free_number_is_for_who_has_fewest() -> None:
    """A worker leaves a free number to one that waits there and has fewer; among equals the first to come takes it."""
    now = claims(a={ONE: None, TWO: None}, b={ONE: 1})
    assert not may_take(now, ONE, "a")
    assert may_take(now, TWO, "a")
    assert may_take(claims(a={ONE: None, TWO: None}), ONE, "a")


def test_who_has_two_more_gives_one_back() -> None:
    """A newcomer without any gets one, from the worker that has the most; with one less than that all is fair."""
    now = claims(a={ONE: 1, TWO: None}, b={ONE: 1, TWO: None})
    assert to_give_back(now, ONE, {"a", "b"}) == "a"
    assert to_give_back(now, ONE, {"b"}) == "b", "where a number is free, nothing need be given"
    assert to_give_back(now, TWO, {"a", "b"}) is None
    assert to_give_back(claims(a={ONE: 1, TWO: None}), ONE, {"a"}) is None
    of_two = claims(a={ONE: 1, TWO: 2, THREE: None}, b={ONE: 1, TWO: 2}, c={TWO: 1})
    assert to_give_back(of_two, ONE, {"a"}) is None, "the other holder has more"
    assert to_give_back(of_two, TWO, {"a"}) == "a"


def test_elsewhere_is_where_another_can_submit() -> None:
    """Holding a number is not enough, the bind must be there; this worker's own does not count."""
    now = [*claims(a={ONE: 1}, b={TWO: 1}), Claim(provider="c", process=TWO, no=1)]
    assert bound_elsewhere(now, ONE) == {"b"}


@pytest.mark.parametrize("seed", range(30))
def test_shares_become_even_and_stay(seed: int) -> None:
    """Workers come and go; whatever the order of their looks, shares end one apart at most, and then nothing moves."""
    random = Random(seed)  # noqa: S311 - chance that can be had again
    caps = {name: random.randint(1, 3) for name in "abcd"}
    workers = [UUID(int=number) for number in range(1, random.randint(2, 6) + 1)]
    held: dict[tuple[str, UUID], int] = {}

    def look() -> list[Claim]:
        return [Claim(provider=name, process=one, no=held.get((name, one))) for name in caps for one in workers]

    def turn(me: UUID) -> bool:
        now = look()
        for name, cap in caps.items():
            no = free_no(now, name, cap)
            if (name, me) not in held and no is not None and may_take(now, me, name):
                held[name, me] = no
                return True
        full = {name for name, cap in caps.items() if free_no(now, name, cap) is None}
        given = to_give_back(now, me, full)
        if given is None:
            return False
        del held[given, me]
        return True

    for _ in range(3):
        quiet = 0
        for _ in range(5000):
            quiet = 0 if turn(random.choice(workers)) else quiet + 1
            if quiet > 20 * len(workers):
                break
        assert quiet > 20 * len(workers), "giving and taking comes to an end"
        for name, cap in caps.items():
            numbers = [no for (provider, _), no in held.items() if provider == name]
            assert len(set(numbers)) == len(numbers) == min(cap, len(workers))
            assert all(1 <= no <= cap for no in numbers)
        shares = Counter(dict.fromkeys(workers, 0)) + Counter(one for _, one in held)
        assert max(shares.values()) - min(shares[one] for one in workers) <= 1
        gone = random.choice(workers)
        workers = [one for one in workers if one != gone] + [UUID(int=random.randint(100, 999))]
        held = {key: no for key, no in held.items() if key[1] != gone}

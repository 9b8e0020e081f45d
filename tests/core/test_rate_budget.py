"""A rate shared by workers: exact in every window whatever they do, used well, and codes have their share."""

import heapq
from bisect import bisect_left
from dataclasses import dataclass, field
from random import Random

import pytest

from esoz_notify.core.rate_budget import (
    CODES_SHARE,
    GRANT_LIFE_S,
    GUARD_S,
    Ask,
    Entry,
    Rate,
    Use,
    grant,
    rate_of,
)

T0 = 1_800_000_000.0


@pytest.mark.parametrize(
    ("per_s", "rate"),
    [
        (100.0, Rate(parts=100, window_s=1.0, for_codes=10)),
        (2.9, Rate(parts=2, window_s=1.0, for_codes=1)),
        (1.0, Rate(parts=1, window_s=1.0, for_codes=0)),
        (0.25, Rate(parts=1, window_s=4.0, for_codes=0)),
    ],
)
def test_a_contract_in_whole_parts(per_s: float, rate: Rate) -> None:
    """Whole parts a second, rounded down; less than one a second is one in a longer window."""
    assert rate_of(per_s) == rate


def ask(codes: int = 0, rest: int = 0, *used: Use, holder: str = "me") -> Ask:
    return Ask(holder=holder, used=used, codes=codes, rest=rest)


def test_what_was_not_used_is_free_at_once() -> None:
    """An ask ends the grant before it: only what is told as used goes on counting."""
    rate = Rate(parts=10, window_s=1.0, for_codes=0)
    book, got = grant((), ask(rest=1), rate, T0)
    assert (got.codes, got.rest) == (0, 1)
    book, _ = grant(book, ask(0, 0, Use(0.01, 1)), rate, T0 + 0.1)
    assert sum(one.count for one in book) == 1
    assert all(one.holder == "" and T0 + 0.09 <= one.until_s < T0 + 0.12 for one in book)
    assert grant(book, ask(), rate, T0 + 1.3)[0] == ()


def test_a_grant_that_is_never_asked_about_counts_until_it_is_over() -> None:
    """A worker that dies with a grant takes it along for the grant's life and a window, and no longer."""
    rate = Rate(parts=1, window_s=1.0, for_codes=0)
    book, _ = grant((), ask(rest=1, holder="dead"), rate, T0)
    _, got = grant(book, ask(rest=1), rate, T0 + 0.5)
    assert got.rest == 0
    assert got.wait_s == pytest.approx(GRANT_LIFE_S + 1.0 + GUARD_S - 0.5)
    _, got = grant(book, ask(rest=1), rate, T0 + GRANT_LIFE_S + 1.0 + GUARD_S)
    assert got.rest == 1


def test_codes_have_their_share() -> None:
    """However much else is wanted, so much of a window is left for codes, and codes may have all of it."""
    rate = rate_of(100.0)
    book: tuple[Entry, ...] = ()
    for number in range(30):
        book, _ = grant(book, ask(rest=100, holder=f"w{number}"), rate, T0)
    assert sum(one.count for one in book) == 100 * (1 - CODES_SHARE)
    book, _ = grant(book, ask(codes=100, rest=100, holder="c1"), rate, T0)
    book, got = grant(book, ask(codes=100, rest=100, holder="c2"), rate, T0)
    assert sum(one.count for one in book) == 100
    assert (got.codes, got.rest) == (0, 0)
    assert got.wait_s > 0


@dataclass
class Worker:
    """One worker of the simulation, in ledger time. ``at_once``: parts that it has to send whenever it may."""

    name: str
    used: list[float] = field(default_factory=list)
    codes: int = 0
    rest: int = 0
    over_at_s: float = 0.0
    dead: bool = False


def _simulate(seed: int, rate: Rate, workers_count: int, seconds: float) -> list[float]:
    """Moments of submits of workers that ask, use at any moment they may, stall, die and are replaced."""
    random = Random(seed)  # noqa: S311 - chance that can be had again
    book: tuple[Entry, ...] = ()
    submits: list[float] = []
    turns: list[tuple[float, int, Worker]] = []
    born = 0

    def birth(at_s: float) -> None:
        nonlocal born
        heapq.heappush(turns, (at_s, born, Worker(f"w{born}")))
        born += 1

    for _ in range(workers_count):
        birth(T0 + random.random())
    while turns and turns[0][0] < T0 + seconds:
        asked_s, no, one = heapq.heappop(turns)
        if random.random() < 0.01:
            birth(asked_s + random.random())  # it dies; another comes
            continue
        # The ledger's time lies between asking and the answer; both ways take a while, sometimes very long.
        ledger_s = asked_s + random.choice((0.0, 0.001, 0.01, 0.3)) * random.random()
        answered_s = ledger_s + random.choice((0.0, 0.001, 0.01, 0.7)) * random.random()
        told = [Use(asked_s - at_s, 1) for at_s in one.used]
        book, got = grant(
            book, ask(random.randint(0, 50), random.randint(0, 50), *told, holder=one.name), rate, ledger_s
        )
        if random.random() < 0.03:
            # The answer is lost: it tells the same again, and the grant is nobody's until then.
            heapq.heappush(turns, (answered_s + 0.25, no, one))
            continue
        one.used = []
        next_s = answered_s + random.choice((0.05, 0.05, 0.05, 0.2, 2.0))
        may_until_s = min(asked_s + GRANT_LIFE_S, next_s)
        for _ in range(got.codes + got.rest):
            at_s = random.choice((answered_s, random.uniform(answered_s, next_s), may_until_s - 1e-6))
            if answered_s <= at_s < may_until_s and random.random() < 0.95:
                one.used.append(at_s)
        one.used.sort()
        submits += one.used
        heapq.heappush(turns, (next_s, no, one))
    return sorted(submits)


@pytest.mark.parametrize("seed", range(40))
def test_no_window_holds_more_than_the_contract(seed: int) -> None:
    """Whatever workers do with their grants, die, stall or hear late: no window has a part too many."""
    random = Random(seed)  # noqa: S311 - chance that can be had again
    rate = rate_of(random.choice((0.4, 1.0, 3.0, 20.0, 100.0)))
    submits = _simulate(seed, rate, random.randint(1, 8), 30.0)
    assert submits
    most = max(index + 1 - bisect_left(submits, at_s - rate.window_s + 1e-9) for index, at_s in enumerate(submits))
    assert most <= rate.parts


def test_a_rate_that_is_wanted_is_used() -> None:
    """Three busy workers that ask every twentieth of a second come to most of what is agreed, codes alone to more."""
    rate, seconds = rate_of(100.0), 20

    def sent(codes: int, rest: int) -> float:
        book: tuple[Entry, ...] = ()
        used: dict[str, list[float]] = {"a": [], "b": [], "c": []}
        count = 0
        for step in range(seconds * 60):
            now_s = T0 + step / 60
            name = "abc"[step % 3]
            book, got = grant(
                book, ask(codes, rest, *(Use(now_s - at, 1) for at in used[name]), holder=name), rate, now_s
            )
            total = got.codes + got.rest
            used[name] = [now_s + 0.05 * index / max(total, 1) for index in range(total)]
            count += total
        return count / seconds

    assert sent(0, 50) > 80
    assert sent(50, 50) > 88

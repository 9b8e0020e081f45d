"""Plays worlds from the command line: ``python -m tests.world SEED`` with its trail, or ``FIRST:END`` on all cores.

Ends with 1 when a promise was broken; the first failure is printed whole, the others by their rule.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.world.simulation import Failure, play, play_aloud

CHUNK = 100
USAGE = "usage: python -m tests.world SEED | FIRST:END\n"


@dataclass(slots=True)
class Found:
    """What some worlds came to. ``failures``: what each failing seed tells."""

    tally: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def play_all(seeds: Iterable[int]) -> Found:
    """Play worlds one after the other, the failing ones too."""
    found = Found()
    for seed in seeds:
        try:
            found.tally += play(seed)
        except Failure as failure:
            found.failures.append(str(failure))
    return found


def main(arguments: list[str]) -> int:
    """Play what is asked; the exit code."""
    first, colon, end = (arguments[0] if arguments else "").partition(":")
    if len(arguments) != 1 or not first.isdecimal() or (colon and not end.isdecimal()):
        sys.stderr.write(USAGE)
        return 2
    if not colon:
        try:
            sys.stdout.write(play_aloud(int(first)))
        except Failure as failure:
            sys.stdout.write(f"{failure}\n")
            return 1
        return 0
    chunks = [range(at, min(at + CHUNK, int(end))) for at in range(int(first), int(end), CHUNK)]
    total = Found()
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        for found in processes.map(play_all, chunks):
            total.tally += found.tally
            total.failures += found.failures
    sys.stdout.writelines(f"{count:10,}  {what}\n" for what, count in sorted(total.tally.items()))
    if total.failures:
        sys.stdout.write("\n" + total.failures[0] + "\n\n")
        sys.stdout.writelines(told.partition("\n")[0] + "\n" for told in total.failures)
    sys.stdout.write(f"{total.tally['worlds']:,} worlds are well, {len(total.failures):,} are not\n")
    return 1 if total.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

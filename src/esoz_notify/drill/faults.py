"""What is broken to make alarms ring, each a thing that happens, and how it is mended.

What belongs here: the table of faults. What does not: which alarm rings by which (``alarms``).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from esoz_notify.drill.house import House

SLOW_S = 4.0
FROZEN_S = 14.0
"""Longer than anything may take to be handed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that happens. ``what``: in words."""

    what: str
    begin: Callable[[House], None]
    mend: Callable[[House], None]


def _freeze(house: House) -> None:
    house.freeze_worker()
    time.sleep(FROZEN_S)
    house.thaw_worker()


def _away(house: House) -> None:
    house.break_provider("all", "outage")


FAULTS: Mapping[str, Fault] = {
    "slow-providers": Fault(
        what=f"every provider thinks for {SLOW_S:g} s about each message",
        begin=lambda house: house.break_provider("all", "slow", delay_s=SLOW_S),
        mend=House.mend,
    ),
    "worker-frozen": Fault(
        what=f"the only worker stands still for {FROZEN_S:g} s, as on a host that is moved, and goes on",
        begin=_freeze,
        mend=House.thaw_worker,
    ),
    "worker-stopped": Fault(what="the only worker is stopped", begin=House.stop_worker, mend=House.start_worker),
    "providers-away": Fault(what="no provider can be reached", begin=_away, mend=House.mend),
    "no-receipts": Fault(
        what="providers take everything and report nothing",
        begin=lambda house: house.break_provider("all", "never_receipt"),
        mend=House.mend,
    ),
    "ledger-away": Fault(what="the database takes no connections", begin=House.close_ledger, mend=House.open_ledger),
    "receiver-hangs": Fault(
        what="a caller's receiver of webhooks does not answer",
        begin=lambda house: house.receiver.well.clear(),
        mend=lambda house: house.receiver.well.set(),
    ),
}

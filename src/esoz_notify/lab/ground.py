"""What every provider of the lab stands on, handed to each as one value. No behaviour here."""

from dataclasses import dataclass

from esoz_notify.lab.faults import Faults
from esoz_notify.lab.journal import Journal
from esoz_notify.lab.memory import Memory
from esoz_notify.lab.settings import LabSettings
from esoz_notify.lab.timers import Timers


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The shared pieces of one lab."""

    settings: LabSettings
    memory: Memory
    faults: Faults
    journal: Journal
    timers: Timers

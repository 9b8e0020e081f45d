"""The people of the played world and their phones: who has what, when a phone is out of reach, what it shows.

What belongs here: phones. What does not: providers, and what is right to be shown (``checks``).
"""

from dataclasses import dataclass, field

from tests.world.stage import SECOND, Stage

from esoz_notify.core.phone import Phone

NEVER_US = 10**15


@dataclass(slots=True)
class Person:
    """One person with one phone. ``away``: from when to when, in microseconds, the phone is out of reach."""

    index: int
    viber: bool
    viber_blocked: bool
    diia: bool
    reads: bool
    away: list[tuple[int, int]] = field(default_factory=list)

    @property
    def phone(self) -> Phone:
        """The number, of a range that belongs to nobody."""
        return Phone(f"+38000000{self.index:04}")

    @property
    def tax_id(self) -> str:
        """Ten digits of nobody's."""
        return f"{self.index:010}"

    def reached_us(self, at_us: int) -> int:
        """When the phone is in reach, at a moment or the next time after it."""
        for begins_us, ends_us in self.away:
            if begins_us <= at_us < ends_us:
                return self.reached_us(ends_us)
        return at_us


def make_person(stage: Stage, index: int) -> Person:
    """Somebody, by chance."""
    person = Person(
        index=index,
        viber=stage.chance(0.6),
        viber_blocked=stage.chance(0.1),
        diia=stage.chance(0.6),
        reads=stage.chance(0.5),
    )
    if stage.chance(0.4):
        begins_us = int(stage.between(0, 30) * SECOND)
        for_us = int(stage.pick((3, 10, 40, 200)) * stage.between(0.5, 1.5) * SECOND)
        gone = stage.chance(0.2)
        person.away.append((begins_us, NEVER_US if gone else begins_us + for_us))
        stage.count("phones out of reach")
    return person

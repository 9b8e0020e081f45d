"""Which pages there are in the head of every page, and whose they are.

What belongs here: the one table of pages and roles. What does not: what a page shows, what an action on it demands
beyond a role that may act (its own module and the engine).
"""

from dataclasses import dataclass

from esoz_notify.engine.desk import NotAllowed
from esoz_notify.engine.people import OF_THE_SERVICE, Person, Role

_RUNS = frozenset({Role.OPERATOR, Role.AUDITOR})


@dataclass(frozen=True, slots=True)
class Entry:
    """One page of the menu. ``word``: the key of its name."""

    path: str
    word: str
    roles: frozenset[Role]


MENU = (
    Entry("/now", "now", OF_THE_SERVICE),
    Entry("/find", "find_page", OF_THE_SERVICE),
    Entry("/bulk", "bulk", _RUNS),
    Entry("/providers", "providers", _RUNS),
    Entry("/policies", "policies", _RUNS),
    Entry("/texts", "texts", _RUNS),
    Entry("/callers", "callers", _RUNS),
    Entry("/people", "people", _RUNS),
    Entry("/audit", "audit", _RUNS),
    Entry("/crisis", "crisis", frozenset({Role.OPERATOR})),
    Entry("/print", "menu_print", frozenset(Role)),
)
"""In the order in which they are shown."""


def entries(person: Person) -> list[Entry]:
    """What a person is offered; who has one page only needs no menu."""
    found = [one for one in MENU if person.role in one.roles]
    return found if len(found) > 1 else []


def home(person: Person) -> str:
    """Where a person begins."""
    return next(one.path for one in MENU if person.role in one.roles)


def demand(person: Person, path: str) -> None:
    """Let in whose page this is. Raises NotAllowed."""
    roles = next(one.roles for one in MENU if one.path == path)
    if person.role not in roles:
        raise NotAllowed("this page is for people with another role")

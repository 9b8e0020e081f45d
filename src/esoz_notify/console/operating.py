"""Before something of the service is changed from a page: whose it is to change, and that it is really them.

What belongs here: what such forms have in common. What does not: what is changed (a page each), what a proof is
(``confirming``).
"""

from collections.abc import Mapping

from litestar import Response

from esoz_notify.console import menu
from esoz_notify.console.confirming import unconfirmed
from esoz_notify.console.visit import Visit
from esoz_notify.engine.desk import NotAllowed
from esoz_notify.engine.people import Person, Role


def runs(person: Person) -> bool:
    """Whether a person may change what the service is; others of the service look."""
    return person.role is Role.OPERATOR


def actor(request: Visit) -> str:
    """Who does it, as the audit names people."""
    return f"person:{request.user.person.login}"


def demand_runs(request: Visit, path: str) -> None:
    """Let in who may change what the menu's page ``path`` is about. Raises NotAllowed."""
    menu.demand(request.user.person, path)
    if not runs(request.user.person):
        raise NotAllowed("the role looks only")


async def unproved(request: Visit, path: str, carried: Mapping[str, str] | None = None) -> Response[bytes] | None:
    """The page that asks for a fresh proof, with ``carried`` in it; None when there is one. Raises NotAllowed.

    ``path``: of the menu's page that this belongs to.
    """
    demand_runs(request, path)
    return await unconfirmed(request, carried)

"""Gives some paths to another ASGI application: pages for people, which are in no row of the contract.

What belongs here: which application answers a path. What does not: what either of them does.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from litestar.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class Mounted:
    """An application and the first parts of the paths that are its own, without slashes."""

    app: ASGIApp
    places: AbstractSet[str]


class Branching:
    """An ASGI application that asks ``mounted`` for its places, and ``app`` for all else."""

    def __init__(self, app: ASGIApp, mounted: Mounted) -> None:
        self._app = app
        self._mounted = mounted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the one whose path it is."""
        place = str(scope["path"])[1:].partition("/")[0]
        await (self._mounted.app if place in self._mounted.places else self._app)(scope, receive, send)

"""What some commands need that an installation may lack: an extra of the package, a system with its event loop.

What belongs here: seeing that it is missing, and the sentence. What does not: what the commands do with it.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from importlib.util import find_spec
from typing import Any, TypeVar

from esoz_notify.core.errors import ConfigError

Outcome = TypeVar("Outcome")
_EXTRAS: Mapping[str, str] = {"lab": "smpp34"}
"""Extras of pyproject.toml that commands need, and a module that only they bring."""


def missing_extra(extra: str) -> str:
    """How to install an extra that is not there; empty when it is."""
    return "" if find_spec(_EXTRAS[extra]) else f"pip install 'esoz-notify[{extra}]'"


def demand_lab() -> None:
    """Raises ConfigError when the lab cannot be played here."""
    event_loop()
    fix = missing_extra("lab")
    if fix:
        raise ConfigError(f"the lab, which plays providers and phones, is an extra that is not installed: {fix}")


def run(work: Coroutine[Any, Any, Outcome]) -> Outcome:
    """As ``asyncio.run``, on a loop that psycopg works on wherever we are: the one that Windows prefers is not."""
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(work)


def event_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes the loop that the service and the lab run on. Raises ConfigError where there is none."""
    try:
        import uvloop
    except ImportError:
        raise ConfigError(
            f"this command does not run on {sys.platform}: its event loop, uvloop, is for Linux and macOS. Use the"
            " container or WSL (docs/install.md); commands that only ask a running service work here"
        ) from None
    return uvloop.new_event_loop

"""Who acts on the command line."""

import getpass
import platform

import pytest

from esoz_notify.cli.acting import actor
from esoz_notify.core.audit import Action, Deed, check


@pytest.mark.parametrize("host", ["ledger-1.moz.gov.ua", "Оленин ноут", "", "pod-380000000001", "x" * 300])
def test_whoever_it_is_can_be_noted(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """The actor is this user at this machine, and whatever the machine is called, the audit takes it."""
    monkeypatch.setattr(platform, "node", lambda: host)
    check(Deed(actor=actor(), action=Action.PURGE, subject="ledger:all"))
    assert actor().startswith(f"cli:{getpass.getuser()}@")


def test_the_environment_names_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who it is comes from the system: a variable that says otherwise changes nothing."""
    before = actor()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert actor() == before

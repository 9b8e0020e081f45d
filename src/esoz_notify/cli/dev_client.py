"""What a developer of this machine needs: a caller with every scope and a person for the pages, in a file.

What belongs here: that file. What does not: what a caller or a person is (engine).
"""

import json
from pathlib import Path
from typing import Any

from esoz_notify.cli.acting import actor
from esoz_notify.cli.lab import CALLER_FILE
from esoz_notify.engine.access import Access, InvalidClient
from esoz_notify.engine.callers import SCOPES
from esoz_notify.engine.people import People, Role

DEV_CLIENT = "dev-client"
DEV_OPERATOR = "dev-operator"


async def write_dev_client(access: Access, people: People, folder: Path, base_url: str, lab_url: str) -> dict[str, Any]:
    """Give a developer a caller with every scope and a person for the pages; what an earlier start gave stays good.

    File mode 0600.
    """
    path = folder / CALLER_FILE
    known = _known(path)
    secret = await _dev_secret(access, _text(known, "client_secret"))
    operator = known.get("operator")
    password = await _dev_password(people, _text(operator, "password") if isinstance(operator, dict) else None)
    client = {
        "base_url": base_url,
        "lab_url": lab_url,
        "console_url": f"{base_url}/print",
        "token_url": f"{base_url}/oauth/token",
        "client_id": DEV_CLIENT,
        "client_secret": secret,
        "scopes": list(SCOPES),
        "operator": {"login": DEV_OPERATOR, "password": password},
    }
    _write_private(path, json.dumps(client, indent=2))
    return client


async def _dev_secret(access: Access, known: str | None) -> str:
    try:
        if known is not None:
            await access.issue(DEV_CLIENT, known)
            return known
    except InvalidClient:
        pass  # another ledger's secret, or an old one
    if any(client.id == DEV_CLIENT for client in await access.callers.list()):
        return await access.callers.rotate(DEV_CLIENT, keep_old_hours=0, who=actor())
    return await access.callers.create(DEV_CLIENT, "Developer of this machine", SCOPES, who=actor())


async def _dev_password(people: People, known: str | None) -> str:
    if known is not None and await people.has_password(DEV_OPERATOR, known):
        return known
    if any(person.login == DEV_OPERATOR for person in await people.list()):
        return await people.set_password(DEV_OPERATOR)
    return await people.add(DEV_OPERATOR, "Оператор цієї машини", Role.OPERATOR.value, DEV_CLIENT)


def _write_private(path: Path, text: str) -> None:
    """Replace a file in one step; nobody else may read it at any moment."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    temporary.touch(mode=0o600)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _known(path: Path) -> dict[str, Any]:
    """What an earlier start wrote; empty when it cannot be read."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _text(known: dict[str, Any], name: str) -> str | None:
    value = known.get(name)
    return value if isinstance(value, str) else None

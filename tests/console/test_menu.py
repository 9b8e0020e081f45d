"""The menu: who is offered which page, where each begins, and that no other page opens."""

import pytest
from tests.api.desk import Desk
from tests.console.visitor import PASSWORD, Visitor

from esoz_notify.console.menu import MENU
from esoz_notify.engine.people import Role


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_opens_its_pages_and_no_other(desk: Desk, visitor: Visitor, role: Role) -> None:
    """Every page of the menu opens for the roles it is offered to, and is refused to all others."""
    await desk.people.add("n.nichna", "Ніна Нічна", role.value, "mis-1", PASSWORD)
    await visitor.sign_in("n.nichna")
    opened = {one.path: await visitor.get(one.path) for one in MENU}
    assert {path: seen.status for path, seen in opened.items()} == {
        one.path: 200 if role in one.roles else 403 for one in MENU
    }
    offered = [one.path for one in MENU if role in one.roles]
    head = opened[offered[0]].text
    assert [path for path in opened if f'<a href="{path}"' in head] == (offered if len(offered) > 1 else [])
    assert (await visitor.get("/")).to == offered[0] == ("/print" if role is Role.DOCTOR else "/now")

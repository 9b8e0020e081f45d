"""Showing a whole phone or a text: by whom, after a proof, with a reason, noted, and never kept."""

import pytest
from tests.api.desk import CODE, PHONE, Desk
from tests.console.visitor import LOGIN, PASSWORD, Visitor, by_phone, do, on_paper, rows

from esoz_notify.engine.people import Role
from esoz_notify.engine.revealing import MAY_REVEAL, What

STALE = "UPDATE session SET fresh_at = ledger_now() - interval '6 minutes'"
DEEDS = "SELECT action, actor, subject, why FROM audit WHERE action LIKE 'reveal%' ORDER BY seq"


def test_the_table_of_roles() -> None:
    """Every role is named in it; who looks on for a third party sees nothing personal."""
    assert set(MAY_REVEAL) == set(Role)
    assert MAY_REVEAL[Role.AUDITOR] == frozenset()


async def test_a_phone_is_shown_for_a_reason(desk: Desk, doctor: Visitor) -> None:
    """Masked until a reason and a fresh proof; then on this page once, and everybody sees who looked and why."""
    notification = await by_phone(desk)
    path = f"/print/{notification}"
    assert PHONE not in (await doctor.get(path)).text
    await do(desk, STALE)
    refused = await doctor.post(f"{path}/reveal", what="phone", reveal_why="  ")
    assert (refused.status, "Назвіть причину" in refused.text) == (422, True)
    asked = await doctor.post(f"{path}/reveal", what="phone", reveal_why="Пацієнт питає")
    assert ("Підтвердьте, що це ви" in asked.text, PHONE in asked.text) == (True, False)
    assert 'name="reveal_why" value="Пацієнт питає"' in asked.text
    for wrong in ("a wrong one", ""):
        seen = await doctor.post(f"{path}/reveal", what="phone", reveal_why="Пацієнт питає", proof_password=wrong)
        assert PHONE not in seen.text
    assert await rows(desk, DEEDS) == []
    shown = await doctor.post(f"{path}/reveal", what="phone", reveal_why="Пацієнт питає", proof_password=PASSWORD)
    assert (shown.status, PHONE in shown.text) == (200, True)
    assert shown.headers["cache-control"] == "no-store"
    assert "Оксана Коваль: Номер телефону" in shown.text
    again = await doctor.get(path)
    assert (PHONE in again.text, "Пацієнт питає" in again.text) == (False, True)
    subject = f"notification:{notification}"
    assert await rows(desk, DEEDS) == [("reveal_phone", f"person:{LOGIN}", subject, "Пацієнт питає")]


async def test_a_text_is_shown_without_its_code(desk: Desk, doctor: Visitor) -> None:
    """What the patient was told is shown, the one-time code in it is not."""
    path = f"/print/{await by_phone(desk)}"
    await doctor.get(path)
    shown = await doctor.post(f"{path}/reveal", what="text", reveal_why="Скарга")
    assert (shown.status, "0000-243P-1X53-EH38" in shown.text, "••••" in shown.text) == (200, True, True)
    assert CODE not in shown.text
    assert [row[0] for row in await rows(desk, DEEDS)] == ["reveal_text"]


@pytest.mark.parametrize("role", sorted(Role))
async def test_every_role(desk: Desk, visitor: Visitor, role: Role) -> None:
    """Each role is shown what the table says, and is offered no more."""
    path = f"/print/{await by_phone(desk)}"
    await desk.people.add("somebody", "Хтось", role.value, "mis-1", PASSWORD)
    await visitor.sign_in("somebody")
    page = await visitor.get(path)
    for what in What:
        may = what in MAY_REVEAL[role]
        seen = await visitor.post(f"{path}/reveal", what=what.value, reveal_why="Скарга")
        assert (seen.status, f'value="{what}"' in page.text) == (200 if may else 403, may)
    assert len(await rows(desk, DEEDS)) == len(MAY_REVEAL[role])


async def test_what_is_not_there_is_not_shown(desk: Desk, doctor: Visitor) -> None:
    """Another system's, an unknown field, a person without a phone, erased data, a reason with a phone: nothing."""
    paper, phone = await on_paper(desk), await by_phone(desk)
    await doctor.get("/print")
    assert (await doctor.post(f"/print/{paper}/reveal", what="phone", reveal_why="Скарга")).status == 404
    assert (await doctor.post(f"/print/{phone}/reveal", what="tax_id", reveal_why="Скарга")).status == 403
    bad = await doctor.post(f"/print/{phone}/reveal", what="phone", reveal_why=f"Дзвонив з {PHONE}")
    assert (bad.status, "не може бути телефону" in bad.text) == (422, True)
    await do(desk, "UPDATE content SET phone = NULL")
    assert (await doctor.post(f"/print/{phone}/reveal", what="phone", reveal_why="Скарга")).status == 404
    await desk.access.callers.create("mis-2", "Another system", ["notifications:read"])
    await do(desk, "UPDATE person SET client_id = 'mis-2'")
    assert (await doctor.post(f"/print/{phone}/reveal", what="text", reveal_why="Скарга")).status == 404
    assert await rows(desk, DEEDS) == []

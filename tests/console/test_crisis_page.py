"""The operator's page of the crisis switch: two people switch it on, anybody of them takes it back, nobody else may."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.api.desk import Desk
from tests.console.visitor import SECOND, Visitor, by_phone, rows

from esoz_notify.core.kyiv import KYIV


def form(**more: str) -> Any:
    """A proposal as the form sends it: the end is a time of Kyiv."""
    ends_at = (datetime.now(UTC) + timedelta(hours=3)).astimezone(KYIV).strftime("%Y-%m-%dT%H:%M")
    return {"scope": "operator", "values": "+38000, +38099", "ends_at": ends_at, "reason": "аварія оператора", **more}


def switch_of(text: str) -> str:
    """The id of the only switch on a page that can be withdrawn."""
    found = re.search(r"/crisis/([0-9a-f-]{36})/withdraw", text)
    assert found is not None
    return found[1]


async def test_two_people_switch_it_on_and_one_takes_it_back(desk: Desk, operators: tuple[Visitor, Visitor]) -> None:
    """Proposed by one, confirmed by another and by nobody else; what is sent then goes on paper; a reason ends it."""
    first, second = operators
    assert "Кризовий режим не ввімкнено" in (await first.get("/crisis")).text
    assert (await first.post("/crisis", **form())).to == "/crisis"
    waiting = (await first.get("/crisis")).text
    assert "Чекає другої людини" in waiting
    assert "Підтвердити має інша людина." in waiting
    switch = switch_of(waiting)

    own = await first.post(f"/crisis/{switch}/confirm")
    assert (own.status, "не та, що запропонувала" in own.text) == (409, True)
    await second.get("/crisis")
    assert (await second.post(f"/crisis/{switch}/confirm")).to == "/crisis"

    notification = await by_phone(desk)
    on = (await second.get("/crisis")).text
    assert "Кризовий режим: повідомлення можуть не доходити." in on
    assert "1 / 0" in on
    assert (await desk.call("GET", f"/v1/notifications/{notification}")).json["crisis"]["id"] == switch
    assert (await second.post(f"/crisis/{switch}/withdraw", why=" ")).status == 422
    assert (await second.post(f"/crisis/{switch}/withdraw", why="все працює")).to == "/crisis"
    assert "Відкликано" in (await first.get("/crisis")).text
    assert await rows(desk, "SELECT withdrawn_by, reason FROM crisis_withdrawal") == [(SECOND, "все працює")]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"scope": "moon"}, "Оберіть, для кого."),
        ({"values": ""}, "Назвіть хоча б один префікс"),
        ({"values": "067"}, "Назвіть хоча б один префікс"),
        ({"ends_at": ""}, "Назвіть час закінчення"),
        ({"ends_at": "soon"}, "Назвіть час закінчення"),
        ({"ends_at": "2020-01-01T10:00"}, "Назвіть час закінчення"),
        ({"reason": ""}, "Скажіть кількома словами"),
        ({"reason": "x" * 201}, "Скажіть кількома словами"),
    ],
)
async def test_a_wrong_form_is_told_and_kept(
    desk: Desk, operators: tuple[Visitor, Visitor], wrong: dict[str, str], told: str
) -> None:
    """What is wrong is said in words, what was written stays in the form, and nothing is proposed."""
    seen = await operators[0].post("/crisis", **form(**wrong))
    assert (seen.status, told in seen.text) == (422, True)
    assert "reason" in wrong or "аварія оператора" in seen.text
    assert await rows(desk, "SELECT count(*) FROM crisis") == [(0,)]


async def test_doctors_do_not_switch(desk: Desk, doctor: Visitor) -> None:
    """A doctor sees no way to it and is refused at each."""
    assert "/crisis" not in (await doctor.get("/print")).text
    assert (await doctor.get("/crisis")).status == 403
    assert (await doctor.post("/crisis", **form())).status == 403
    unknown = "0198c0de-0000-7000-8000-00000000000f"
    for act in ("confirm", "withdraw"):
        assert (await doctor.post(f"/crisis/{unknown}/{act}", why="x")).status == 403
    assert await rows(desk, "SELECT count(*) FROM crisis") == [(0,)]


async def test_what_is_not_there_is_said(operators: tuple[Visitor, Visitor]) -> None:
    """An unknown switch is told in words on the page."""
    unknown = "0198c0de-0000-7000-8000-00000000000f"
    for act in ("confirm", "withdraw"):
        seen = await operators[0].post(f"/crisis/{unknown}/{act}", why="x")
        assert (seen.status, "Такого режиму немає." in seen.text) == (404, True)

"""Words that people publish: they reach every process, Viber keeps what it approved, and a repeat says what it said."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.engine.product import House, a_house

from esoz_notify.core.errors import Conflict, InvalidInput, NotFound
from esoz_notify.core.wording import ViberStanding
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.publishing import Publishing, WrongWords
from esoz_notify.engine.wording import Wording
from esoz_notify.render.texts import builtin_texts
from esoz_notify.render.wording import words_of

NAME = "prescription_issued.uk"
WRITER, SECOND = "person:olena", "person:taras"
NEW_SMS = "Рецепт {request_number}, код {verification_code}. Покажіть в аптеці"
NEW_VIBER = "Рецепт уже є.\nНомер: {request_number}\nКод: {verification_code}\nПокажіть їх в аптеці."
NEW_DIIA = "Рецепт уже є.\nНомер: {request_number}, код: {verification_code}."


def form(**more: str) -> dict[str, str]:
    """What the page's form sends when somebody changed ``more`` of the file's words."""
    own = words_of(builtin_texts().templates[NAME])
    given = {name: str(getattr(own, name)) for name in type(own).__slots__}
    return {**given, "why": "коротше", **more}


@asynccontextmanager
async def an_office(dsn: str) -> AsyncIterator[Publishing]:
    """A process of its own, in which people write and publish."""
    ledger = Ledger(dsn, LedgerClock())
    await ledger.open()
    try:
        yield Publishing(
            ledger, Wording(ledger, builtin_texts(), viber_ids={one: one for one in builtin_texts().templates})
        )
    finally:
        await ledger.close()


@pytest.fixture
async def office(ledger_dsn: str) -> AsyncIterator[Publishing]:
    async with an_office(ledger_dsn) as one:
        yield one


async def published(office: Publishing, seen_no: int = 0, **more: str) -> int:
    """Write and publish other words; gives the number of the version."""
    version = await office.write(NAME, form(**more), seen_no=seen_no, actor=WRITER)
    await office.publish(NAME, version.no, actor=SECOND)
    return version.no


async def in_force(house: House, holds: Callable[[Any], bool]) -> None:
    """Wait until the product's own process takes other texts for those in force."""
    async with asyncio.timeout(30):
        while not holds(house.product.wording.now()):
            await asyncio.sleep(0.05)


async def approve_in_the_lab(house: House, body: str) -> str:
    """Register a body with the provider, as the operator does by hand; gives its id."""
    settings = house.product.settings
    template = {
        "name": "prescription_issued_uk_2",
        "category": "TRANSACTIONAL",
        "body": [{"language": "uk", "template": body}],
        "params": [{"name": name} for name in ("request_number", "verification_code")],
    }
    path = f"{settings.viber_url}/viber/1/senders/{settings.viber_sender}/templates"
    headers = {"authorization": f"App {settings.viber_api_key}"}
    async with aiohttp.ClientSession() as http, http.post(path, json=template, headers=headers) as reply:
        assert reply.status == 201, await reply.text()
        return str((await reply.json())["templateId"])


async def test_what_one_process_publishes_every_process_says(
    ledger_dsn: str, tmp_path: Path, office: Publishing
) -> None:
    """SMS says the new words without a restart, Viber the old body until the new one is approved, then that."""
    async with a_house(ledger_dsn, tmp_path) as house:
        no = await published(office, sms=NEW_SMS, viber=NEW_VIBER)
        await in_force(house, lambda texts: texts.templates[NAME].version == no)
        await house.phone(1, viber=False)
        for number, key in ((1, "sms"), (2, "viber")):
            await house.until(await house.send(number, key), "delivered")
        (sms,), (viber,) = await house.shown(1), await house.shown(2)
        assert sms["text"] == "Рецепт 0000-243P-1X53-EH38, код 4821. Покажіть в аптеці"
        assert viber["text"].startswith("Вам виписано електронний рецепт.")

        given = await approve_in_the_lab(house, NEW_VIBER.replace("{", "{{").replace("}", "}}"))
        noted = {"step": "approved", "template_id": given}
        await office.note_viber(NAME, no, noted, actor=WRITER)
        await in_force(house, lambda texts: texts.viber(NAME).version == no)
        await house.until(await house.send(3, "viber-2"), "delivered")
        (approved,) = await house.shown(3)
        assert approved["text"] == "Рецепт уже є.\nНомер: 0000-243P-1X53-EH38\nКод: 4821\nПокажіть їх в аптеці."


async def test_a_repeated_attempt_says_what_it_said(ledger_dsn: str, tmp_path: Path, office: Publishing) -> None:
    """Diia took it and the answer was lost; the repeat under other words would be a second push beside the first."""
    async with a_house(ledger_dsn, tmp_path, window_s=60) as house:
        await house.phone(1, diia=True, tax_id="0000000001", reads=False)
        await house.fault(provider="diia", fault="timeout_after_accept", for_s=12)
        recipient = {"phone": "+380000000001", "tax_id": "0000000001"}
        sent = await house.send(1, "a", recipient=recipient)
        async with asyncio.timeout(20):
            while not await house.submissions("diia"):
                await asyncio.sleep(0.02)
        no = await published(office, diia_full=NEW_DIIA)
        await in_force(house, lambda texts: texts.templates[NAME].version == no)
        await house.when(sent, lambda view: view["attempts"][0]["outcome"] == "submitted", limit_s=60)
        taken = await house.submissions("diia")
        shown = await house.shown(1)
        await house.send(1, "b", recipient=recipient)
        async with asyncio.timeout(20):
            while len(now := await house.shown(1)) == 1:
                await asyncio.sleep(0.05)

    assert len(taken) > 1, "the attempt was repeated"
    assert {one["client_reference"] for one in taken} == {taken[0]["client_reference"]}
    assert [one["text"].startswith("Вам виписано") for one in shown] == [True]
    assert now[-1]["text"] == "Рецепт уже є.\nНомер: 0000-243P-1X53-EH38, код: 4821."


async def test_only_another_person_publishes_only_the_newest(office: Publishing) -> None:
    """Who wrote does not publish, an older draft is published no more, and what was written meanwhile is seen first."""
    first = await office.write(NAME, form(sms=NEW_SMS), seen_no=0, actor=WRITER)
    for no, actor, code in ((first.no, WRITER, "text_needs_another_person"),):
        with pytest.raises(Conflict) as refused:
            await office.publish(NAME, no, actor=actor)
        assert refused.value.code == code
    with pytest.raises(Conflict) as moved:
        await office.write(NAME, form(viber=NEW_VIBER), seen_no=0, actor=SECOND)
    assert moved.value.code == "text_moved"
    second = await office.write(NAME, form(viber=NEW_VIBER), seen_no=1, actor=SECOND)
    with pytest.raises(Conflict) as superseded:
        await office.publish(NAME, first.no, actor=SECOND)
    assert superseded.value.code == "text_superseded"
    await office.publish(NAME, second.no, actor=WRITER)
    again = await office.publish(NAME, second.no, actor="person:ivan")
    assert again.published is not None
    assert again.published.by == "olena"
    leaf = await office.open(NAME)
    assert (leaf.draft, leaf.line.template.version, leaf.standing(NEW_VIBER)) == (None, 2, ViberStanding.TO_SUBMIT)


@pytest.mark.parametrize(
    ("more", "keys"),
    [
        ({"sms": "Рецепт {number}, код {verification_code}"}, ["sms", "sms"]),
        ({"sms": "", "viber": " \n "}, ["sms", "viber"]),
        ({"sms_segments": "0"}, ["sms", "sms_segments"]),
        ({"sms_segments": "11"}, ["sms_segments"]),
        ({"sms_segments": "٢"}, ["sms", "sms_segments"]),
        ({"diia_title": "Рецепт\x00"}, ["diia_title"]),
        ({"diia_short": "{request_number}"}, ["diia_short"]),
    ],
)
async def test_words_that_break_a_rule_are_not_kept(office: Publishing, more: dict[str, str], keys: list[str]) -> None:
    """Every broken rule is told by its text, and nothing is written."""
    with pytest.raises(WrongWords) as refused:
        await office.write(NAME, form(**more), seen_no=0, actor=WRITER)
    assert [one.key for one in refused.value.faults] == keys
    assert (await office.open(NAME)).versions == ()


async def test_what_is_nothing_new_or_has_no_reason_is_refused(office: Publishing) -> None:
    """A version changes something and says why; a template and a version exist."""
    with pytest.raises(Conflict) as same:
        await office.write(NAME, form(), seen_no=0, actor=WRITER)
    assert same.value.code == "text_same"
    with pytest.raises(InvalidInput) as silent:
        await office.write(NAME, form(sms=NEW_SMS, why=" "), seen_no=0, actor=WRITER)
    assert [one.pointer for one in silent.value.problems] == ["/text_why"]
    for asked in (office.open("lost.uk"), office.version(NAME, 7), office.publish(NAME, 7, actor=SECOND)):
        with pytest.raises(NotFound):
            await asked


async def test_an_id_belongs_to_one_template(office: Publishing) -> None:
    """An id of another template would send patients another message; a body that is registered needs none."""
    one = await office.write(NAME, form(sms=NEW_SMS), seen_no=0, actor=WRITER)
    with pytest.raises(Conflict) as needless:
        await office.note_viber(NAME, one.no, {"step": "submitted"}, actor=WRITER)
    assert needless.value.code == "viber_not_needed"
    two = await office.write(NAME, form(viber=NEW_VIBER), seen_no=1, actor=WRITER)
    with pytest.raises(Conflict) as taken:
        await office.note_viber(NAME, two.no, {"step": "approved", "template_id": "referral_issued.uk"}, actor=WRITER)
    assert taken.value.code == "viber_id_taken"


async def test_every_deed_is_in_the_audit(office: Publishing, ledger_dsn: str) -> None:
    """Writing, publishing and what is noted of Viber: who, which template and version, and why."""
    no = await published(office, viber=NEW_VIBER)
    await office.note_viber(NAME, no, {"step": "rejected", "why": "схоже на рекламу"}, actor=SECOND)
    async with an_office(ledger_dsn) as other:
        await other.list()
        async with other._ledger.transaction() as connection:
            cursor = await connection.execute("SELECT actor, action, subject, why, details FROM audit ORDER BY seq")
            rows = await cursor.fetchall()
    subject = f"text:{NAME}"
    assert rows == [
        (WRITER, "text_written", subject, "коротше", '{"no":"1"}'),
        (SECOND, "text_published", subject, None, '{"no":"1"}'),
        (SECOND, "viber_template_state", subject, "схоже на рекламу", '{"no":"1","step":"rejected"}'),
    ]

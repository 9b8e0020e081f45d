"""The operator's first page: its figures, words for everything, who may see it, and how it looks in a browser."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import aiohttp
import pytest
from tests.api.desk import PRICES, Desk
from tests.console.test_browser import a_browser
from tests.console.test_browser import pytestmark as in_a_browser
from tests.console.visitor import PASSWORD, Visitor, by_phone, do, on_paper

from esoz_notify.console import now, streaming
from esoz_notify.console.now_words import NOW_WORDS
from esoz_notify.core.breaker import Breaker, BreakerState, Hold
from esoz_notify.core.figures import Minute, Money
from esoz_notify.engine.overview import BACKLOG_MAX, Overview, Picture, Tile
from esoz_notify.render.labels import Colour
from esoz_notify.store.health import ProviderChange, ProviderHealth
from esoz_notify.store.tallies import Backlog

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
OPERATOR = "n.nichna"
SEEDED = """
INSERT INTO minute_tally (minute, accepted, codes, told_10s, told_60s, diia, viber, sms, paper, sms_parts)
SELECT date_trunc('minute', now()) - no * interval '1 minute', 400 + (no * 37) % 211, 100, 300, 380 + (no * 37) % 211,
       20, 260, 80, 20, 85
FROM generate_series(2, 59) no
"""


def minute(**figures: int) -> Minute:
    names = ("accepted", "codes", "told_10s", "told_60s", "diia", "viber", "sms", "paper", "sms_parts")
    return Minute(AT - timedelta(minutes=5), *(figures.get(name, 0) for name in names))


def picture(lately: Minute, *backlog: Backlog, accepted: int = 0) -> Picture:
    nothing = Money(spent=Decimal(0), all_by_sms=Decimal(0))
    return Picture(
        at=AT,
        accepted=accepted,
        lately=lately,
        chart=(),
        hour=minute(),
        money=nothing,
        backlog=backlog,
        tiles=(),
        changes=(),
    )


def test_promptness_is_of_those_who_have_a_phone() -> None:
    """Paper is neither prompt nor late; nothing accepted is neither good nor bad."""
    seen = minute(accepted=110, told_10s=95, told_60s=108, paper=10)
    rate, in_10, in_60 = now.figures(picture(seen, accepted=25), "uk")
    assert (rate.value, rate.note) == ("0,4", "за останню хвилину: 25")
    assert (in_10.value, in_10.colour, in_10.note) == ("95 %", Colour.GREEN, "з 100 на телефон, 5 хв")
    assert (in_60.value, in_60.colour) == ("98 %", Colour.GREEN)
    assert [one.colour for one in now.figures(picture(minute(accepted=10, told_60s=6)), "en")[1:]] == [Colour.RED] * 2
    assert [one.value for one in now.figures(picture(minute()), "en")] == ["0.0", "—", "—"]


def test_codes_may_wait_seconds_and_documents_a_minute() -> None:
    """The colour of a queue is that of its oldest; a long one is counted so far only."""
    waits = (
        Backlog(lane="codes", count=3, oldest_at=AT - timedelta(seconds=5)),
        Backlog(lane="documents", count=BACKLOG_MAX, oldest_at=AT - timedelta(seconds=61 * 60)),
    )
    codes, documents = now.figures(picture(minute(), *waits), "uk")[3:]
    assert (codes.value, codes.note, codes.colour) == ("3", "найдавніше чекає 5 с", Colour.AMBER)
    assert (documents.value, documents.note, documents.colour) == ("100000+", "найдавніше чекає 61 хв", Colour.RED)
    idle = Backlog(lane="codes", count=0, oldest_at=None)
    assert now.figures(picture(minute(), idle), "en")[3].note == "nothing waits"


def test_a_chart_fits_its_box() -> None:
    """The highest bar is the whole height, the told part within each, and an hour of nothing draws flat."""
    drawn = now.bars([minute(accepted=50, told_60s=40), minute(accepted=100, told_60s=100), minute()], "en")
    assert [(one.height, one.told_height) for one in drawn] == [(90.0, 72.0), (180.0, 180.0), (0.0, 0.0)]
    assert drawn[-1].x + drawn[-1].width <= now.CHART_WIDTH
    assert [one.height for one in now.bars([minute()], "uk")] == [0.0]
    shares = now.parts(minute(viber=3, sms=1), "uk")
    assert [(one.name, one.x, one.width) for one in shares][1:3] == [("Viber", 0.0, 75.0), ("SMS", 75.0, 25.0)]


@pytest.mark.parametrize("language", ["uk", "en"])
def test_every_state_and_change_has_words(language: str) -> None:
    """Whatever may become of a provider is said in words, in both languages; what needs a person says what to do."""
    words = NOW_WORDS[language]
    assert list(NOW_WORDS["uk"]) == list(NOW_WORDS["en"])
    assert {name.removeprefix("state_") for name in words if name.startswith("state_")} == set(now.STATE_COLOURS)
    quiet = ("half_open", "closed", "resumed", "slow_over", "receipts_back")
    for change in (*quiet, *sorted(now._NEEDS_A_PERSON)):
        told = ProviderChange(provider="smsc-a", change=change, reason="any", at=AT)
        (alarm,) = now.alarms(replace(picture(minute()), changes=(told,)), language)
        assert "smsc-a" in alarm.text
        assert bool(alarm.advice) == (change not in quiet)


def test_a_held_provider_says_who_and_why() -> None:
    """A hold is shown with the person and the reason, anything else with since when."""
    hold = Hold("n.nichna", "роботи в оператора", AT)
    health = ProviderHealth(
        provider="smsc-a",
        breaker=Breaker(since=AT - timedelta(hours=2), state=BreakerState.CLOSED),
        hold=hold,
        slow=False,
        receipts_stopped=False,
        judged_at=None,
    )
    held = now.provider(Tile(health=health, state="held"), AT, "uk")
    assert (held.state, held.note, held.colour) == ("Призупинено людиною", "n.nichna: роботи в оператора", Colour.AMBER)


async def test_only_those_who_run_the_service_see_it(desk: Desk, visitor: Visitor) -> None:
    """Doctors do not; auditors and operators do, and find the way in the head of each page."""
    await visitor.sign_in()
    assert (await visitor.get("/now")).status == 403
    assert 'href="/now"' not in (await visitor.get("/print")).text
    for login, role in (("a.auditor", "auditor"), (OPERATOR, "operator")):
        await desk.people.add(login, "Ніна Нічна", role, "mis-1", PASSWORD)
        await visitor.sign_in(login)
        assert (await visitor.get("/now")).status == 200
        assert 'href="/now"' in (await visitor.get("/print")).text


async def test_it_shows_what_the_ledger_holds(desk: Desk, visitor: Visitor) -> None:
    """Numbers of the last minutes and of the counted hour, and nothing personal."""
    await desk.people.add(OPERATOR, "Ніна Нічна", "operator", "mis-1", PASSWORD)
    await by_phone(desk)
    await on_paper(desk)
    await do(desk, SEEDED)
    await visitor.sign_in(OPERATOR)
    shown = (await visitor.get("/now/live")).text
    assert "за останню хвилину: 2" in shown
    assert "з 0 на телефон" in shown, "who was accepted just now is not late"
    assert len(re.findall(r'class="bar told" x', shown)) >= 58
    assert "Витрачено</dt><dd>7\xa0948,90 грн" in shown
    assert "carrier" in shown
    for personal in ("+380", "Пацієнт Перший", "0000-243P", "4821"):
        assert personal not in shown


async def _events(visitor: Visitor) -> AsyncIterator[tuple[str, str]]:
    """The frames of the stream: name and data."""
    async with asyncio.timeout(30), visitor.http.get("/now/stream") as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["cache-control"] == "no-store"
        async for block in _blocks(reply):
            if found := re.match(r"event: (\w+)\n", block):
                yield found[1], "\n".join(line[6:] for line in block.split("\n")[1:])


async def _blocks(reply: aiohttp.ClientResponse) -> AsyncIterator[str]:
    text = ""
    async for chunk in reply.content.iter_any():
        *whole, text = (text + chunk.decode()).split("\n\n")
        for block in whole:
            yield block


async def test_the_stream_pushes_what_changes_and_ends_with_the_session(desk: Desk, visitor: Visitor) -> None:
    """The part comes at once, again when something was accepted, and no more when the session is over."""
    await desk.people.add(OPERATOR, "Ніна Нічна", "operator", "mis-1", PASSWORD)
    await visitor.sign_in(OPERATOR)
    seen = []
    async for name, data in _events(visitor):
        seen.append(name)
        if len(seen) == 1:
            assert "за останню хвилину: 0" in data
            await by_phone(desk)
        elif "за останню хвилину: 1" in data:
            await do(desk, "UPDATE session SET revoked_at = ledger_now()")
    assert seen[0] == "part"
    assert seen[-1] == "over"
    assert set(seen) <= {"part", "beat", "over"}
    assert (await visitor.get("/now/stream")).to == "/sign-in"


async def test_streams_are_bounded_and_shared(desk: Desk, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream too many is refused, so that the page's script fetches instead; many looks are one question."""
    monkeypatch.setattr(streaming, "STREAMS_MAX", 1)
    await desk.people.add(OPERATOR, "Ніна Нічна", "operator", "mis-1", PASSWORD)
    await visitor.sign_in(OPERATOR)
    async for name, _ in _events(visitor):
        assert name == "part"
        assert (await visitor.get("/now/stream")).status == 503
        break
    overview = Overview(desk.ledger, desk.operations, PRICES)
    first, second = await asyncio.gather(overview.shared(), overview.shared())
    assert first is second


async def test_a_stopping_process_ends_its_streams(desk: Desk, visitor: Visitor) -> None:
    """Nobody waits for those who look."""
    await desk.people.add(OPERATOR, "Ніна Нічна", "operator", "mis-1", PASSWORD)
    await visitor.sign_in(OPERATOR)
    async for name, _ in _events(visitor):
        assert name in {"part", "beat"}
        desk.server.app.state.edge.stopping.set()


@in_a_browser[1]
@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 390])
async def test_it_is_live_and_fits(desk: Desk, width: int) -> None:
    """In a browser: live, and it says when it is not; nothing wider than the window or refused by the page's policy."""
    await desk.people.add(OPERATOR, "Ніна Нічна", "operator", "mis-1", PASSWORD)
    await do(desk, SEEDED)
    async with a_browser(desk, viewport={"width": width, "height": 900}) as browser:
        await browser.enter(OPERATOR)
        await browser.page.get_by_role("link", name="Зараз").click()
        await browser.page.get_by_text("Наживо").first.wait_for()
        await by_phone(desk)
        await browser.page.get_by_text("за останню хвилину: 1").wait_for()
        assert await browser.fits()
        assert browser.complaints == []
        assert len(browser.hosts) == 1
        await browser.page.route("**/now/stream", lambda route: route.abort())
        await browser.page.reload()
        await browser.page.get_by_text("Не наживо: зв'язок втрачено о").first.wait_for()
        await browser.page.unroute("**/now/stream")
        await browser.page.get_by_text("Наживо", exact=True).first.wait_for()

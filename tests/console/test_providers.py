"""The pages of providers: who may look and who may act, what a hold says before and does after, and how it looks."""

from collections.abc import AsyncIterator

import pytest
from tests.api.desk import Desk, a_desk
from tests.console.accessible import findings
from tests.console.seeded_providers import CONTRACTS, seed, seed_probes
from tests.console.test_browser import a_browser
from tests.console.test_browser import pytestmark as in_a_browser
from tests.console.visitor import PASSWORD, Visitor, a_visitor, rows

OPERATOR, AUDITOR = "n.nichna", "a.auditor"


@pytest.fixture
async def desk(ledger_dsn: str) -> AsyncIterator[Desk]:
    """Three providers, an operator and an auditor."""
    async with a_desk(ledger_dsn, contracts=CONTRACTS) as opened:
        await opened.people.add(OPERATOR, "Ніна Нічна", "operator", "mis-1", PASSWORD)
        await opened.people.add(AUDITOR, "Анна Аудитор", "auditor", "mis-1", PASSWORD)
        yield opened


@pytest.fixture
async def operator(desk: Desk) -> AsyncIterator[Visitor]:
    """A browser in which the operator has signed in."""
    async with a_visitor(desk) as one:
        await one.sign_in(OPERATOR)
        yield one


async def test_an_empty_ledger_is_told_calmly(operator: Visitor) -> None:
    """Each provider works, nothing was called, nothing changed."""
    shown = (await operator.get("/providers")).text
    assert all(f'href="/providers/{one.name}?span=3h"' in shown for one in CONTRACTS)
    assert shown.count("За цей час викликів не було.") == len(CONTRACTS)
    one = (await operator.get("/providers/vodafone")).text
    assert "Змін ще не було" in one
    assert "<title>" in one
    assert "vodafone · " in one


async def test_figures_and_history_are_shown_in_words(desk: Desk, operator: Visitor) -> None:
    """Charts, the band, how much of the contract is used, and each change with its reason and how long it lasted."""
    await seed(desk)
    shown = (await operator.get("/providers?span=24h&part=live")).text
    assert "<html" not in shown
    assert shown.count('class="chart small') == 3 * len(CONTRACTS)
    page = (await operator.get("/providers/kyivstar?span=24h")).text
    assert "Квитанції запізнюються" in page
    assert "Перестав працювати: нового не даємо" in page
    assert "кілька невдач поспіль: " in page
    assert "n.nichna: планові роботи в оператора · тривало 1 год" in page
    assert "Частин SMS за секунду" in page
    assert "Не працює — 14 хв" in page
    assert page.count('<th scope="row">') == 48
    assert (await operator.get("/providers/kyivstar?span=moon")).text.count('<th scope="row">') == 36
    unlimited = (await operator.get("/providers/infobip")).text
    assert "межі в налаштуваннях немає" in unlimited


async def test_a_hold_is_explained_done_and_taken_back(desk: Desk, operator: Visitor) -> None:
    """Before: where messages will go. After: who and why, in the history and the audit; a reason is asked for each."""
    assert "Нові повідомлення підуть через vodafone." in (await operator.get("/providers/kyivstar")).text
    assert (await operator.post("/providers/kyivstar/hold", why="роботи в оператора")).to == "/providers/kyivstar"
    held = (await operator.get("/providers/kyivstar")).text
    assert "n.nichna: роботи в оператора" in held
    assert 'action="/providers/kyivstar/resume"' in held
    assert (await operator.post("/providers/kyivstar/resume", why="")).status == 422
    assert (await operator.post("/providers/kyivstar/resume", why="закінчили")).to == "/providers/kyivstar"
    noted = "SELECT actor, action, subject, why FROM audit WHERE action LIKE 'provider%' ORDER BY seq"
    assert await rows(desk, noted) == [
        (f"person:{OPERATOR}", "provider_held", "provider:kyivstar", "роботи в оператора"),
        (f"person:{OPERATOR}", "provider_resumed", "provider:kyivstar", "закінчили"),
    ]


@pytest.mark.parametrize("why", ["", "   ", "x" * 201, "подзвонити +380000000001"])
async def test_a_wrong_reason_is_told_and_kept(desk: Desk, operator: Visitor, why: str) -> None:
    """Without a reason, with too long a one or with somebody's phone nothing is held; what was typed stays."""
    await operator.get("/providers/kyivstar")
    seen = await operator.post("/providers/kyivstar/hold", why=why)
    assert (seen.status, "Назвіть причину" in seen.text) == (422, True)
    assert f'value="{why.strip()}"' in seen.text
    assert await rows(desk, "SELECT count(*) FROM provider_change") == [(0,)]


async def test_the_last_of_a_channel_is_warned_of(desk: Desk, operator: Visitor) -> None:
    """The last of Viber by words; the last of SMS also by a tick, which is demanded again when the form comes."""
    assert "Коди одразу підуть наступним каналом" in (await operator.get("/providers/infobip")).text
    assert 'name="sure"' not in (await operator.get("/providers/kyivstar")).text
    await operator.post("/providers/kyivstar/hold", why="роботи")
    assert 'name="sure"' in (await operator.get("/providers/vodafone")).text
    seen = await operator.post("/providers/vodafone/hold", why="теж роботи")
    assert (seen.status, "Це останній провайдер SMS." in seen.text) == (422, True)
    assert (await operator.post("/providers/vodafone/hold", why="теж роботи", sure="yes")).status == 303
    assert await rows(desk, "SELECT provider FROM provider_health WHERE held_by IS NOT NULL ORDER BY 1") == [
        ("kyivstar",),
        ("vodafone",),
    ]


async def test_auditors_look_and_do_nothing(desk: Desk, visitor: Visitor) -> None:
    """An auditor sees all of it, no form, and is refused at each deed; what is not there is said."""
    await visitor.sign_in(AUDITOR)
    shown = (await visitor.get("/providers/kyivstar")).text
    assert "/hold" not in shown
    assert "Ви переглядаєте як аудитор" in shown
    for deed in ("hold", "resume"):
        assert (await visitor.post(f"/providers/kyivstar/{deed}", why="x", sure="yes")).status == 403
    assert await rows(desk, "SELECT count(*) FROM provider_change") == [(0,)]
    assert (await visitor.get("/providers/nobody")).status == 404
    assert "Такого провайдера не налаштовано." in (await visitor.get("/providers/nobody")).text


async def test_probes_are_told_and_asked_for(ledger_dsn: str) -> None:
    """What the last of each lane came to; an operator has one sent now, and the audit knows; never of what is held."""
    async with a_desk(ledger_dsn, contracts=CONTRACTS, probed=True) as desk, a_visitor(desk) as visitor:
        await desk.people.add(OPERATOR, "Ніна Нічна", "operator", "mis-1", PASSWORD)
        await visitor.sign_in(OPERATOR)
        await seed_probes(desk)
        all_of_them = (await visitor.get("/providers")).text
        assert "Передано за 84 мс, підтверджено за 2,6 с" in all_of_them
        assert "Не дійшла: підтвердження не надійшло вчасно" in all_of_them
        assert "kyivstar: проба коду не доходить, 4 поспіль" in (await visitor.get("/now")).text
        page = (await visitor.get("/providers/kyivstar")).text
        assert page.count('action="/providers/kyivstar/probe"') == 1
        assert "Ще не пробували" in page
        assert (await visitor.post("/providers/kyivstar/probe")).to == "/providers/kyivstar"
        begun = await rows(desk, "SELECT provider, lane FROM probe WHERE ended_at IS NULL ORDER BY lane")
        assert begun == [("kyivstar", "codes"), ("kyivstar", "documents")]
        assert "проба в дорозі" in (await visitor.get("/providers/kyivstar")).text
        await visitor.post("/providers/kyivstar/hold", why="роботи")
        assert 'action="/providers/kyivstar/probe"' not in (await visitor.get("/providers/kyivstar")).text
        seen = await visitor.post("/providers/kyivstar/probe")
        assert (seen.status, "нового йому не даємо, тож і не пробуємо" in seen.text) == (409, True)
        asked = "SELECT actor, subject FROM audit WHERE action = 'provider_probed'"
        assert await rows(desk, asked) == [(f"person:{OPERATOR}", "provider:kyivstar")]


async def test_without_a_test_phone_that_is_said(operator: Visitor) -> None:
    """The page says how to set probes up; asked for all the same, it is refused."""
    assert "ESOZ_NOTIFY_PROBES" in (await operator.get("/providers/kyivstar")).text
    assert (await operator.post("/providers/kyivstar/probe")).status == 404


@in_a_browser[1]
@pytest.mark.browser
async def test_an_operator_holds_by_keyboard(ledger_dsn: str) -> None:
    """In a browser: from the list to a provider, held with a reason by the keyboard alone; for everybody to use."""
    async with a_desk(ledger_dsn, contracts=CONTRACTS, probed=True) as desk, a_browser(desk) as browser:
        await desk.people.add(OPERATOR, "Ніна Нічна", "operator", "mis-1", PASSWORD)
        await seed(desk)
        await seed_probes(desk)
        page = browser.page
        await browser.enter(OPERATOR)
        await page.get_by_role("link", name="Провайдери").click()
        await page.get_by_text("Наживо").first.wait_for()
        await page.get_by_role("link", name="kyivstar").focus()
        await page.keyboard.press("Enter")
        await page.get_by_label("Причина").focus()
        await page.keyboard.type("роботи в оператора")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Відновити").wait_for()
        await page.get_by_text("Призупинено людиною").first.wait_for()
        for path in ("/providers?span=24h", "/providers/kyivstar?span=24h", "/providers/vodafone"):
            assert await findings(browser, path) == []
        assert browser.complaints == []
        assert len(browser.hosts) == 1

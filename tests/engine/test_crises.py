"""A crisis in a whole product: the paper and the message go their ways beside each other."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.engine.product import CALLER, PRESCRIPTION, a_house


async def test_paper_and_message_go_beside_each_other(ledger_dsn: str, tmp_path: Path) -> None:
    """Printed while the message waits for its provider, it is still delivered, once, and counted as both."""
    async with a_house(ledger_dsn, tmp_path, window_s=30) as house:
        crises = house.product.operations.crises
        ends_at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        asked = {"scope": "operator", "values": ["+38000"], "ends_at": ends_at, "reason": "nothing arrives"}
        proposed = await crises.propose(asked, actor="person:olena")
        await crises.confirm(proposed.crisis.id, actor="person:taras")
        await house.phone(1, viber=True, diia=False, latency_ms=[1500, 1500])
        sent = await house.send(1, "rx-1")
        await house.until(sent, "in_delivery")
        (page,) = await house.service.summaries(CALLER, [sent])
        view = await house.until(sent)
        report = await crises.report(proposed.crisis.id)
        shown = await house.shown(1)

    assert page.code == PRESCRIPTION["verification_code"]
    assert (view["status"], view["delivered_by"], view["print_required"]) == ("delivered", "viber", True)
    assert len(shown) == 1
    assert [(one.status, one.count, one.printed) for one in report.issued] == [("delivered", 1, 1)]

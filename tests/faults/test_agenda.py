"""The agenda under faults: renewed leases push nothing else, nothing idle stays due, and own work is not taken over."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

from tests.engine.product import CALLER, PRESCRIPTION, phone
from tests.faults.whole import without_worker

from esoz_notify.core.cascade import Due, Event, Replied
from esoz_notify.core.channel import Channel, Providers, ProviderView
from esoz_notify.core.limits import LEASE_S
from esoz_notify.core.results import Accepted, Recovery
from esoz_notify.engine.applying import Applied, apply_due, apply_events
from esoz_notify.engine.sight import Sight
from esoz_notify.store.ledger import Connection, renew
from esoz_notify.wiring import Product

PROVIDERS: Providers = {Channel.VIBER: (ProviderView(name="infobip", recovery=Recovery.SAME_KEY),)}
LANE = "documents"


async def accepted(product: Product, number: int) -> UUID:
    """A notification that nobody has looked at yet."""
    asked = {"kind": "prescription_issued", "recipient": {"phone": phone(number)}, "data": PRESCRIPTION}
    answer, _ = await product.service.accept(CALLER, asked, f"key-{number}")
    return UUID(answer["id"])


async def move(product: Product, notification_id: UUID, *events: Event) -> None:
    """Do to it what a worker would."""
    async with product.ledger.transaction() as connection:
        for event in events:
            assert not (await apply_events(connection, [(notification_id, event)], lambda: PROVIDERS)).refused


async def seconds_to(connection: Connection, notification_id: UUID, column: str) -> float:
    """How long until the time in a column of its delivery."""
    statement = f"SELECT extract(epoch FROM {column} - ledger_now()) FROM delivery WHERE notification_id = %s"  # noqa: S608 - a name of ours
    row = await (await connection.execute(statement.encode(), [notification_id])).fetchone()
    assert row is not None
    return float(row[0])


async def test_a_renewed_lease_does_not_push_the_window(ledger_dsn: str, tmp_path: Path) -> None:
    """However long a provider thinks, the window of its step ends in its time."""
    async with without_worker(ledger_dsn, tmp_path) as product:
        one = await accepted(product, 1)
        await move(product, one, Due())

        async with product.ledger.transaction() as connection:
            await renew(connection, [one], lease_s=600)
            (row,) = await (await connection.execute("SELECT due_at = step_ends_at FROM delivery")).fetchall()

        assert row == (True,)


async def test_what_needs_nothing_does_not_stay_due(ledger_dsn: str, tmp_path: Path) -> None:
    """A lease renewed a moment after its reply was recorded makes a delivery due in vain: once, and in nobody's way."""
    async with without_worker(ledger_dsn, tmp_path) as product:
        idle, fresh = await accepted(product, 1), await accepted(product, 2)
        await move(product, idle, Due(), Replied(0, Accepted((f"{idle}.0",))))
        async with product.ledger.transaction() as connection:
            await renew(connection, [idle], lease_s=-1)

        claimed = []
        for _ in range(2):
            async with product.ledger.transaction() as connection:
                claimed.append(await apply_due(connection, LANE, 1, lambda: PROVIDERS))

        assert [[one.locked.id for one in batch.changes] for batch in claimed] == [[idle], [fresh]]
        assert [one.id for one in claimed[1].submissions] == [fresh]


async def claimed_after_the_lease(product: Product, one: UUID, *, held: bool) -> Applied:
    """What a claim makes of an attempt whose lease was over before its worker could renew it."""
    later = product.ledger.clock.now() + timedelta(seconds=LEASE_S + 1)
    sight = Sight(lambda _: PROVIDERS, lambda _: PROVIDERS, lambda _, __: None, holds=lambda _, no: held and no == 0)
    async with product.ledger.transaction() as connection:
        await connection.execute("SELECT set_config('esoz_notify.now', %s, true)", [later.isoformat()])
        applied = await apply_due(connection, LANE, 10, sight)
        assert await seconds_to(connection, one, "due_at") > 0
    return applied


async def test_own_work_is_not_taken_over(ledger_dsn: str, tmp_path: Path) -> None:
    """After the ledger was away longer than a lease, a worker does not declare itself dead."""
    async with without_worker(ledger_dsn, tmp_path) as product:
        one = await accepted(product, 1)
        await move(product, one, Due())

        applied = await claimed_after_the_lease(product, one, held=True)

        assert [change.locked.id for change in applied.changes] == [one]
        assert [fact for change in applied.changes for fact in change.facts] == []


async def test_what_a_dead_worker_had_is_taken_over(ledger_dsn: str, tmp_path: Path) -> None:
    """Who holds nothing of it finds it unknown when the lease is over."""
    async with without_worker(ledger_dsn, tmp_path) as product:
        one = await accepted(product, 1)
        await move(product, one, Due())

        applied = await claimed_after_the_lease(product, one, held=False)

        facts = [type(fact).__name__ for change in applied.changes for fact in change.facts]
        assert facts == ["AttemptUnknown", "RetryPlanned"]

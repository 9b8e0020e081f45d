"""The calls about webhooks: what may be asked, whose they are, the log and replays. Nobody is told here."""

from typing import Any
from uuid import uuid4

import pytest
from psycopg import sql
from tests.api.desk import Desk, Reply

from esoz_notify.core.cascade import CancelAsked
from esoz_notify.core.limits import WEBHOOKS_MAX
from esoz_notify.core.webhooks import CHOOSABLE, secret_key
from esoz_notify.engine import webhooks as use_cases
from esoz_notify.engine.callers import SCOPES
from esoz_notify.webhook_client import WebhookClient

ALL = "/v1/webhooks"
URL = "https://mis.example/webhooks?token=a-secret-of-theirs"


async def made(desk: Desk, *events: str, token: str = "") -> dict[str, Any]:
    """A webhook with its secret."""
    reply = await desk.call("POST", ALL, {"url": URL, "events": list(events)}, token=token)
    assert reply.status == 201, reply.body
    found: dict[str, Any] = reply.json
    return found


async def cancelled(desk: Desk, count: int = 1) -> list[str]:
    """Notifications that were withdrawn, each an event."""
    ids = [(await desk.send())["id"] for _ in range(count)]
    for one in ids:
        await desk.move(one, CancelAsked())
    return ids


def wrong(reply: Reply) -> list[tuple[str, str]]:
    return [(one["pointer"], one["code"]) for one in reply.json["invalid"]]


async def test_its_secret_is_shown_once_and_its_query_never(desk: Desk) -> None:
    """The answer that makes it is the only one with the secret; in the ledger both are sealed."""
    webhook = await made(desk, "notification.delivered", "notification.expired")

    assert len(secret_key(webhook.pop("secret"))) == 32
    assert webhook["url"] == "https://mis.example/webhooks"
    assert webhook["events"] == ["notification.delivered", "notification.expired"]
    assert (webhook["enabled"], webhook["secrets"]) == (True, [{"ends_at": None}])
    assert (await desk.call("GET", f"{ALL}/{webhook['id']}")).json == webhook
    assert (await desk.call("GET", ALL)).json == {"data": [webhook]}
    async with desk.ledger.transaction() as connection:
        for table in ("webhook", "webhook_secret", "audit"):
            every = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table))
            rows = await (await connection.execute(every)).fetchall()
            assert rows
            assert b"a-secret-of-theirs".hex() not in str(rows)
            assert "a-secret-of-theirs" not in str(rows)


async def test_what_may_not_be_is_refused_by_name(desk: Desk) -> None:
    """Every broken rule is told with its field and the fix, and nothing is made."""
    reply = await desk.call("POST", ALL, {"url": "http://mis.example/", "events": [1], "secret": "mine"})

    assert reply.status == 422
    assert wrong(reply) == [("/url", "address"), ("/events", "unknown_event"), ("/secret", "unknown_field")]
    assert all(one["detail"] for one in reply.json["invalid"])
    assert (await desk.call("GET", ALL)).json == {"data": []}


async def test_there_are_so_many_at_most(desk: Desk) -> None:
    """The bound keeps one caller from having everybody's events multiplied."""
    for _ in range(WEBHOOKS_MAX):
        await made(desk)
    reply = await desk.call("POST", ALL, {"url": URL})

    assert (reply.status, reply.code) == (409, "webhooks_too_many")


async def test_it_is_changed_in_parts(desk: Desk) -> None:
    """What is not named stays; each change that changes something is in the audit, and no other."""
    webhook = await made(desk, "notification.delivered")
    path = f"{ALL}/{webhook['id']}"

    assert (await desk.call("PATCH", path, {})).json["events"] == ["notification.delivered"]
    moved = (await desk.call("PATCH", path, {"url": "https://mis.example/new?token=x"})).json
    assert (moved["url"], moved["events"]) == ("https://mis.example/new", ["notification.delivered"])
    assert (await desk.call("PATCH", path, {"events": []})).json["events"] == []
    off = (await desk.call("PATCH", path, {"enabled": False})).json
    assert (off["enabled"], off["disabled_why"]) == (False, "caller")
    assert (await desk.call("PATCH", path, {"enabled": False})).json == off
    assert (await desk.call("PATCH", path, {"enabled": True})).json["disabled_at"] is None
    assert wrong(await desk.call("PATCH", path, {"enabled": "yes"})) == [("/enabled", "wrong_type")]
    assert (await desk.call("DELETE", path)).status == 204
    assert (await desk.call("GET", path)).code == "webhook_unknown"
    assert await noted(desk, webhook["id"]) == [
        "webhook_created", "webhook_changed", "webhook_changed", "webhook_disabled", "webhook_enabled",
        "webhook_deleted",
    ]  # fmt: skip


async def noted(desk: Desk, webhook_id: str) -> list[str]:
    async with desk.ledger.transaction() as connection:
        cursor = await connection.execute(
            "SELECT action, actor FROM audit WHERE subject = %s ORDER BY seq", [f"webhook:{webhook_id}"]
        )
        rows = await cursor.fetchall()
    assert {actor for _, actor in rows} == {"caller:mis-1"}
    return [action for action, _ in rows]


async def test_a_rotation_keeps_the_last_two(desk: Desk) -> None:
    """The secret before signs for a day, or as long as was said; the one before that ends."""
    webhook = await made(desk)
    path = f"{ALL}/{webhook['id']}/rotate"
    first = (await desk.call("POST", path, {})).json
    second = (await desk.call("POST", path, {"keep_old_hours": 1.5})).json

    assert len({webhook["secret"], first["secret"], second["secret"]}) == 3
    assert [one["ends_at"] is None for one in second["secrets"]] == [True, False]
    for hours in (-1, 169, "2", True):
        assert wrong(await desk.call("POST", path, {"keep_old_hours": hours})) == [("/keep_old_hours", "range")]
    assert await noted(desk, webhook["id"]) == ["webhook_created", "webhook_rotated", "webhook_rotated"]


async def test_the_log_goes_by_pages(desk: Desk) -> None:
    """What happened last comes first; each page says where the next begins, and a state picks."""
    webhook = await made(desk)
    ids = await cancelled(desk, 3)
    path = f"{ALL}/{webhook['id']}/deliveries"
    first = (await desk.call("GET", f"{path}?limit=2")).json
    rest = (await desk.call("GET", f"{path}?limit=2&cursor={first['next_cursor']}")).json

    assert [one["notification_id"] for one in first["data"] + rest["data"]] == ids[::-1]
    assert rest["next_cursor"] is None
    assert {(one["event"], one["state"], one["tries"], one["status"]) for one in first["data"]} == {
        ("notification.cancelled", "waiting", 0, None)
    }
    assert (await desk.call("GET", f"{path}?state=failed")).json["data"] == []
    assert len((await desk.call("GET", f"{path}?state=waiting")).json["data"]) == 3
    refused = await desk.call("GET", f"{path}?state=lost&cursor=x&limit=0&phone=1")
    assert refused.status == 400
    refused = await desk.call("GET", f"{path}?state=lost&cursor=x&limit=0")
    assert wrong(refused) == [
        ("/query/limit", "range"), ("/query/cursor", "format"), ("/query/state", "unknown_state")
    ]  # fmt: skip


async def test_a_test_is_an_event_of_its_own(desk: Desk) -> None:
    """It is told whatever the filter, and not of a disabled webhook."""
    webhook = await made(desk, "notification.delivered")
    path = f"{ALL}/{webhook['id']}"
    tested = await desk.call("POST", f"{path}/test")

    assert tested.status == 202
    assert (tested.json["event"], tested.json["notification_id"]) == ("webhook.test", None)
    assert (await desk.call("GET", f"{path}/deliveries")).json["data"] == [tested.json]
    await desk.call("PATCH", path, {"enabled": False})
    refused = await desk.call("POST", f"{path}/test")
    assert (refused.status, refused.code) == (409, "webhook_disabled")


async def test_what_happens_while_disabled_is_held_back_for_a_replay(desk: Desk) -> None:
    """Nothing of it is told by enabling alone; a span of time, or one event, is told when it is asked for."""
    webhook = await made(desk)
    path = f"{ALL}/{webhook['id']}"
    await cancelled(desk)
    await desk.call("PATCH", path, {"enabled": False})
    await cancelled(desk, 2)
    await desk.call("PATCH", path, {"enabled": True})
    held = (await desk.call("GET", f"{path}/deliveries?state=disabled")).json["data"]
    assert len(held) == 3

    replay = f"{path}/deliveries/{held[0]['event_id']}/replay"
    one = await desk.call("POST", replay)
    assert (one.status, one.json["state"], one.json["tries"]) == (202, "waiting", 0)
    span = {"since": held[2]["at"], "until": held[0]["at"]}
    assert (await desk.call("POST", f"{path}/replay", span)).json == {"replayed": 2, "next_cursor": None}
    assert (await desk.call("POST", f"{path}/replay", span)).json["replayed"] == 0
    unknown = await desk.call("POST", f"{path}/deliveries/{uuid4()}/replay")
    assert (unknown.status, unknown.code) == (404, "event_unknown")


async def test_a_long_span_goes_on_where_it_ended(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many events per call; the cursor leads through all of them, each once, delivered ones when asked for."""
    monkeypatch.setattr(use_cases, "REPLAY_MAX", 2)
    webhook = await made(desk)
    path = f"{ALL}/{webhook['id']}/replay"
    await cancelled(desk, 5)
    async with desk.ledger.transaction() as connection:
        await connection.execute("UPDATE webhook_delivery SET state = 'delivered', due_at = NULL")
    span: dict[str, Any] = {"since": "2020-01-01T00:00:00Z"}
    assert (await desk.call("POST", path, span)).json["replayed"] == 0

    counts = []
    while True:
        done = (await desk.call("POST", path, {**span, "delivered": True})).json
        counts.append(done["replayed"])
        if done["next_cursor"] is None:
            break
        span["cursor"] = done["next_cursor"]
    assert counts == [2, 2, 1]


async def test_callers_see_and_hear_their_own_only(desk: Desk) -> None:
    """Another's webhooks are neither listed nor found, and hear nothing of one's notifications, whatever the scopes."""
    mine = await made(desk)
    secret = await desk.access.callers.create("mis-2", "Another", SCOPES)
    token = (await desk.access.issue("mis-2", secret)).access_token
    theirs = await made(desk, token=token)
    await cancelled(desk)

    assert [one["id"] for one in (await desk.call("GET", ALL, token=token)).json["data"]] == [theirs["id"]]
    assert (await desk.call("GET", f"{ALL}/{mine['id']}", token=token)).code == "webhook_unknown"
    log = await desk.call("GET", f"{ALL}/{theirs['id']}/deliveries", token=token)
    assert log.json["data"] == []
    (event,) = (await desk.call("GET", f"{ALL}/{mine['id']}/deliveries")).json["data"]
    replay = f"{ALL}/{theirs['id']}/deliveries/{event['event_id']}/replay"
    assert (await desk.call("POST", replay, token=token)).code == "event_unknown"


async def test_the_sdk_speaks_of_them(desk: Desk) -> None:
    """Each call has its method; pages and long spans are gone through."""
    async with WebhookClient(desk.base_url, "mis-1", desk.secret) as client:
        webhook = await client.create_webhook(URL, [CHOOSABLE[0], "notification.cancelled"])
        assert await client.webhooks() == [await client.webhook(webhook["id"])]
        rotated = await client.rotate_webhook_secret(webhook["id"], keep_old_hours=0)
        assert rotated["secret"] != webhook["secret"]
        assert len((await client.rotate_webhook_secret(webhook["id"]))["secrets"]) == 2
        tested = await client.test_webhook(webhook["id"])
        await cancelled(desk)
        log = [one async for one in client.webhook_deliveries(webhook["id"])]
        assert [one["event"] for one in log] == ["notification.cancelled", "webhook.test"]
        assert [one async for one in client.webhook_deliveries(webhook["id"], state="failed")] == []
        off = await client.change_webhook(webhook["id"], events=[], enabled=False)
        assert (off["events"], off["enabled"]) == ([], False)
        await client.change_webhook(webhook["id"], url="https://mis.example/2", enabled=True)
        assert (await client.replay_event(webhook["id"], tested["event_id"]))["state"] == "waiting"
        since = desk.ledger.clock.now().replace(year=2020)
        until = desk.ledger.clock.now().replace(year=2099)
        assert await client.replay_events(webhook["id"], since=since, until=until) == 1
        assert await client.replay_events(webhook["id"], since=since, delivered=True) == 0
        await client.delete_webhook(webhook["id"])
        assert await client.webhooks() == []

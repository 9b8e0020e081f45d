"""Telling receivers: over real HTTP, receivers that are well, slow, wrong, gone, busy, and elsewhere than they say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import pytest
import standardwebhooks
from tests.api.desk import CODE, KEYS, PHONE, a_desk
from tests.engine.receivers import (
    Behaviour,
    Post,
    a_post,
    a_receiver,
    answers,
    closes,
    hangs,
    in_turn,
    takes,
)

from esoz_notify.core.cascade import CancelAsked
from esoz_notify.core.webhooks import WAITS_S, Answer
from esoz_notify.engine.applying import apply_events
from esoz_notify.engine.webhook_sending import Sender
from esoz_notify.store import webhook_log
from esoz_notify.store.vault import Vault
from esoz_notify.webhooks import NotGenuine, verify


@pytest.fixture
async def post(ledger_dsn: str) -> AsyncIterator[Post]:
    """A desk whose webhooks are told."""
    async with a_post(ledger_dsn) as opened:
        yield opened


def now_s(call: Any) -> float:
    """The time of a call's sending, by the ledger's clock."""
    return float(call.headers["webhook-timestamp"])


async def test_what_becomes_of_a_notification_is_told(post: Post) -> None:
    """Each change once, signed so that the standard's own library takes it, in the form of CloudEvents 1.0."""
    async with a_receiver() as receiver:
        made = await post.webhook(receiver)
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        asked = {"kind": "confirmation_code", "recipient": {"phone": PHONE}, "data": {"verification_code": CODE}}
        reply = await post.desk.call(
            "POST", "/v1/notifications", {**asked, "reference": "mine"}, idempotency_key="k", traceparent=trace
        )
        sent = reply.json["id"]
        await post.desk.deliver(sent)
        calls = await receiver.named("notification.in_delivery", "notification.delivered")

    assert len(calls) == 2
    last = next(call for call in calls if call.name == "notification.delivered")
    event = standardwebhooks.Webhook(made["secret"]).verify(last.body.decode(), last.headers)
    assert event == verify(last.headers, last.body, made["secret"], now_s(last)) == last.event
    assert last.headers["content-type"] == "application/cloudevents+json"
    assert last.path == "/hooks?token=shared"
    assert {name: event[name] for name in ("specversion", "id", "source", "subject", "traceparent")} == {
        "specversion": "1.0",
        "id": last.id,
        "source": "https://notify.example",
        "subject": sent,
        "traceparent": trace,
    }
    post.desk.fits(event, {"$ref": "#/components/schemas/CloudEvent"})
    view = (await post.desk.call("GET", f"/v1/notifications/{sent}")).json
    data = event["data"]
    assert {name: data[name] for name in data if name in view} == {name: view[name] for name in data if name in view}
    assert set(data) - set(view) == {"channel", "seq"}
    assert (data["status"], data["delivered_by"], data["channel"], data["reference"]) == (
        "delivered", "viber", "viber", "mine"
    )  # fmt: skip
    assert all(secret not in last.body.decode() for secret in (PHONE, PHONE[4:], "*", CODE, "patient"))
    log = await post.logged(made, lambda log: all(one["state"] == "delivered" for one in log))
    assert [(one["event"], one["tries"], one["status"], one["fault"]) for one in log] == [
        ("notification.delivered", 1, 204, None),
        ("notification.in_delivery", 1, 204, None),
    ]


async def test_only_what_was_chosen_is_told(post: Post) -> None:
    """A filter names events; nothing else is even written down for that webhook."""
    async with a_receiver() as all_of_it, a_receiver() as chosen:
        made = await post.webhook(chosen, "notification.cancelled")
        await post.webhook(all_of_it)
        sent = (await post.desk.send())["id"]
        await post.desk.start(sent)
        await post.desk.call("POST", f"/v1/notifications/{sent}/cancel")
        await all_of_it.named("notification.in_delivery", "notification.cancelled")
        await chosen.named("notification.cancelled")

        assert [one["event"] for one in await post.log(made)] == ["notification.cancelled"]
        assert len(chosen.calls) == 1


async def test_a_caller_without_webhooks_costs_nothing(post: Post) -> None:
    """Of a notification that nobody listens to no event is written, nor of one that was accepted before."""
    sent = (await post.desk.send())["id"]
    async with a_receiver() as receiver:
        await post.webhook(receiver)
        await post.desk.deliver(sent)
        async with post.desk.ledger.transaction() as connection:
            cursor = await connection.execute("SELECT count(*) FROM webhook_event")
            assert await cursor.fetchone() == (0,)
            cursor = await connection.execute("SELECT watched FROM delivery")
            assert await cursor.fetchall() == [(False,)]


async def test_an_event_is_there_exactly_when_its_change_is(post: Post) -> None:
    """They are written together: a transaction that is undone leaves neither."""
    async with a_receiver() as receiver:
        made = await post.webhook(receiver)
        sent = (await post.desk.send())["id"]

        async def broken() -> None:
            async with post.desk.ledger.transaction() as connection:
                applied = await apply_events(connection, [(UUID(sent), CancelAsked())], dict)
                assert [change.state.status for change in applied.changes] == ["cancelled"]
                cursor = await connection.execute("SELECT name FROM webhook_event")
                assert await cursor.fetchall() == [("notification.cancelled",)]
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await broken()
        assert await post.log(made) == []
        assert (await post.desk.call("GET", f"/v1/notifications/{sent}")).json["status"] == "accepted"

        await post.desk.move(sent, CancelAsked())
        await receiver.named("notification.cancelled")
        assert len(receiver.calls) == 1


@pytest.mark.parametrize(
    ("behave", "status", "fault"),
    [
        (answers(500), 500, None),
        (answers(404), 404, None),
        (answers(307, location="/elsewhere"), 307, None),
        (closes, None, "broken_off"),
    ],
    ids=["error", "not found", "redirect", "closed"],
)
async def test_what_was_not_taken_is_told_again(
    post: Post, behave: Behaviour, status: int | None, fault: str | None
) -> None:
    """Anything but 2xx, a redirect among them, is tried again by the table, with the same id and body."""
    async with a_receiver(in_turn(behave, takes)) as receiver:
        made = await post.webhook(receiver, "notification.cancelled")
        sent = (await post.desk.send())["id"]
        await post.desk.move(sent, CancelAsked())
        log = await post.logged(made, lambda log: bool(log) and log[0]["tries"] == 1)
        assert (log[0]["state"], log[0]["status"], log[0]["fault"]) == ("waiting", status, fault)
        assert (await post.seen(made))["failing_since"] is not None

        await post.sooner(1)
        log = await post.logged(made, lambda log: log[0]["state"] == "delivered")

    assert (log[0]["tries"], log[0]["status"], log[0]["fault"]) == (2, 204, None)
    assert [call.path for call in receiver.calls] == ["/hooks?token=shared"] * 2, "no redirect was followed"
    assert len({(call.id, call.body) for call in receiver.calls}) == 1
    assert (await post.seen(made))["failing_since"] is None


async def test_a_receiver_that_is_not_there(post: Post) -> None:
    """Nobody listens at its port: that is a failed try as any other."""
    async with a_receiver() as receiver:
        made = await post.webhook(receiver, "notification.cancelled")
    await post.desk.move((await post.desk.send())["id"], CancelAsked())
    log = await post.logged(made, lambda log: bool(log) and log[0]["tries"] == 1)

    assert (log[0]["state"], log[0]["status"], log[0]["fault"]) == ("waiting", None, "not_connected")


async def test_after_the_last_try_it_has_failed_and_can_be_replayed(post: Post) -> None:
    """The whole table of waits is gone through; a replay begins it anew."""
    async with a_receiver(in_turn(*[answers(500)] * (len(WAITS_S) + 1), takes)) as receiver:
        made = await post.webhook(receiver, "notification.cancelled")
        await post.desk.move((await post.desk.send())["id"], CancelAsked())
        log: list[dict[str, Any]] = []
        for tries in range(1, len(WAITS_S) + 2):
            log = await post.logged(made, lambda log, tries=tries: bool(log) and log[0]["tries"] == tries)  # type: ignore[misc]
            await post.sooner(30)
            # Only the waits pass, not five days of failing: that is another rule.
            async with post.desk.ledger.transaction() as connection:
                await connection.execute("UPDATE webhook SET failing_since = ledger_now()")
        assert (log[0]["state"], log[0]["next_try_at"]) == ("failed", None)

        event = log[0]["event_id"]
        path = f"/v1/webhooks/{made['id']}/deliveries/{event}/replay"
        assert (await post.desk.call("POST", path)).json["state"] == "waiting"
        log = await post.logged(made, lambda log: log[0]["state"] == "delivered")

    assert log[0]["tries"] == 1
    assert {call.id for call in receiver.calls} == {event}


async def test_gone_disables_it(post: Post) -> None:
    """410 ends the telling at once, noted with its reason; what waits and what happens then can be replayed."""
    async with a_receiver(answers(410)) as receiver:
        made = await post.webhook(receiver)
        first, second = (await post.desk.send())["id"], (await post.desk.send())["id"]
        await post.desk.move(first, CancelAsked())
        await post.logged(made, lambda log: bool(log) and log[0]["state"] == "failed")
        seen = await post.seen(made)
        assert (seen["enabled"], seen["disabled_why"]) == (False, "gone")
        await post.desk.move(second, CancelAsked())
        assert [one["state"] for one in await post.log(made)] == ["disabled", "failed"]
        async with post.desk.ledger.transaction() as connection:
            cursor = await connection.execute(
                "SELECT actor, subject, details::json ->> 'because' FROM audit WHERE action = 'webhook_disabled'"
            )
            assert await cursor.fetchall() == [("worker:webhooks", f"webhook:{made['id']}", "gone")]

        receiver.behave = takes
        refused = await post.desk.call("POST", f"/v1/webhooks/{made['id']}/replay", {"since": "2020-01-01T00:00:00Z"})
        assert (refused.status, refused.code) == (409, "webhook_disabled")
        assert (await post.desk.call("PATCH", f"/v1/webhooks/{made['id']}", {"enabled": True})).json["enabled"]
        told = await post.desk.call("POST", f"/v1/webhooks/{made['id']}/replay", {"since": "2020-01-01T00:00:00Z"})
        assert told.json == {"replayed": 2, "next_cursor": None}
        await post.logged(made, lambda log: all(one["state"] == "delivered" for one in log))


async def test_one_that_fails_for_days_is_disabled(post: Post) -> None:
    """Without one success in five days it is told nothing more, and whoever runs the service sees why."""
    async with a_receiver(answers(500)) as receiver:
        made = await post.webhook(receiver, "notification.cancelled")
        await post.desk.move((await post.desk.send())["id"], CancelAsked())
        await post.logged(made, lambda log: bool(log) and log[0]["tries"] == 1)
        await post.sooner(24 * 5 + 1)
        await post.logged(made, lambda log: log[0]["state"] == "disabled")

    seen = await post.seen(made)
    assert (seen["enabled"], seen["disabled_why"]) == (False, "failing")


async def test_retry_after_pauses_it(post: Post) -> None:
    """A receiver that asks for an hour is told nothing at all for an hour, neither the same nor anything newer."""
    async with a_receiver(in_turn(answers(429, retry_after="3600"), takes)) as receiver, a_receiver() as other:
        made = await post.webhook(receiver, "notification.cancelled")
        await post.webhook(other, "notification.cancelled")
        await post.desk.move((await post.desk.send())["id"], CancelAsked())
        await post.logged(made, lambda log: bool(log) and log[0]["tries"] == 1)
        assert (await post.seen(made))["resumes_at"] is not None
        await post.desk.move((await post.desk.send())["id"], CancelAsked())
        await other.until(lambda calls: len(calls) == 2)
        assert [one["tries"] for one in await post.log(made)] == [0, 1]
        assert len(receiver.calls) == 1

        await post.sooner(0.99)
        assert (await post.log(made))[0]["tries"] == 0
        await post.sooner(0.02)
        await post.logged(made, lambda log: all(one["state"] == "delivered" for one in log))


async def test_a_slow_receiver_delays_no_other(post: Post) -> None:
    """While several hang with all their calls, and have a long queue, twenty events reach the one that is well."""
    async with AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(a_receiver(hangs)) for _ in range(5)]
        well = await stack.enter_async_context(a_receiver())
        for one in slow:
            await post.webhook(one, "notification.cancelled")
        for _ in range(20):
            await post.desk.move((await post.desk.send())["id"], CancelAsked())
        for one in slow:
            await one.until(lambda calls: len(calls) > 0)
        made = await post.webhook(well, "notification.cancelled")
        for _ in range(20):
            await post.desk.move((await post.desk.send())["id"], CancelAsked())
        await well.until(lambda calls: len(calls) == 20)

        assert len({call.id for call in well.calls}) == 20
        await post.logged(made, lambda log: [one["state"] for one in log] == ["delivered"] * 20)
        assert all(len(one.calls) <= 8 for one in slow), "a receiver has so many calls at a time and no more"


async def test_what_was_called_and_not_recorded_is_called_again(ledger_dsn: str) -> None:
    """A worker that dies before the record leaves the event to its lease: told at least once, under one id."""
    async with a_desk(ledger_dsn) as desk, a_receiver(hangs) as receiver:
        first = Sender(desk.ledger, Vault(KEYS), source="https://notify.example", loopback=True)
        post, running = Post(desk, first), asyncio.create_task(first.run())
        made = await post.webhook(receiver, "notification.cancelled")
        await desk.move((await desk.send())["id"], CancelAsked())
        await receiver.until(lambda calls: len(calls) == 1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert (await post.log(made))[0]["tries"] == 0

        receiver.behave = takes
        second = asyncio.create_task(
            Sender(desk.ledger, Vault(KEYS), source="https://notify.example", loopback=True).run()
        )
        await post.sooner(1)
        await post.logged(made, lambda log: log[0]["state"] == "delivered")
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)

    assert len({(call.id, call.body) for call in receiver.calls}) == 1
    assert len(receiver.calls) == 2


async def test_a_drained_sender_finishes_what_it_has(ledger_dsn: str) -> None:
    """The call in hand is waited for and recorded."""
    answer = asyncio.Event()

    async def waits(request: Any) -> Any:
        await answer.wait()
        return await takes(request)

    async with a_post(ledger_dsn) as post, a_receiver(waits) as receiver:
        made = await post.webhook(receiver, "notification.cancelled")
        await post.desk.move((await post.desk.send())["id"], CancelAsked())
        await receiver.until(lambda calls: len(calls) == 1)
        draining = asyncio.create_task(post.sender.drain())
        await asyncio.sleep(0)
        answer.set()
        await draining
        assert (await post.log(made))[0]["state"] == "delivered"


async def test_both_secrets_sign_while_one_is_rotated(post: Post) -> None:
    """A receiver that knows either takes every event; the older ends when it was said to."""
    async with a_receiver() as receiver:
        made = await post.webhook(receiver, "notification.cancelled")
        path = f"/v1/webhooks/{made['id']}/rotate"
        rotated = (await post.desk.call("POST", path, {})).json
        assert [one["ends_at"] is None for one in rotated["secrets"]] == [True, False]
        await post.desk.move((await post.desk.send())["id"], CancelAsked())
        (both,) = await receiver.until(lambda calls: len(calls) == 1)
        assert len(both.headers["webhook-signature"].split()) == 2
        for secret in (made["secret"], rotated["secret"], [rotated["secret"], made["secret"]]):
            assert verify(both.headers, both.body, secret, now_s(both))["id"] == both.id

        last = (await post.desk.call("POST", path, {"keep_old_hours": 0})).json
        assert len(last["secrets"]) == 1
        await post.desk.move((await post.desk.send())["id"], CancelAsked())
        _, newest = await receiver.until(lambda calls: len(calls) == 2)
        assert verify(newest.headers, newest.body, last["secret"], now_s(newest))["id"] == newest.id
        for ended in (made["secret"], rotated["secret"]):
            with pytest.raises(NotGenuine, match="no signature"):
                verify(newest.headers, newest.body, ended, now_s(newest))


async def test_an_address_that_leads_inside_is_not_called(ledger_dsn: str) -> None:
    """What a name leads to is looked at when it is connected to, whatever was said when the webhook was made."""
    async with a_post(ledger_dsn, loopback=False) as post, a_receiver() as receiver:
        made = await post.webhook(receiver, "notification.cancelled")
        await post.desk.move((await post.desk.send())["id"], CancelAsked())
        log = await post.logged(made, lambda log: bool(log) and log[0]["tries"] == 1)
        assert (log[0]["fault"], receiver.calls) == ("address_refused", [])

        name = await post.desk.call("PATCH", f"/v1/webhooks/{made['id']}", {"url": "https://localhost/hooks"})
        assert name.status == 200
        await post.sooner(1)
        log = await post.logged(made, lambda log: log[0]["tries"] == 2)
        assert (log[0]["fault"], receiver.calls) == ("address_refused", [])


async def test_a_disabled_callers_webhooks_are_told_nothing(post: Post) -> None:
    """Whose access was taken away learns nothing more; it waits, and is told when the caller is back."""
    secret = await post.desk.access.callers.create("mis-2", "Another", ["webhooks:manage", "notifications:write"])
    token = (await post.desk.access.issue("mis-2", secret)).access_token
    async with a_receiver() as theirs, a_receiver() as mine:
        made = await post.webhook(theirs, token=token)
        await post.webhook(mine)
        asked = {"kind": "confirmation_code", "recipient": {"phone": PHONE}, "data": {"verification_code": CODE}}
        reply = await post.desk.call("POST", "/v1/notifications", asked, token=token, idempotency_key="k")
        await post.desk.access.callers.disable("mis-2")
        await post.desk.move(reply.json["id"], CancelAsked())
        await post.desk.move((await post.desk.send())["id"], CancelAsked())
        await mine.named("notification.cancelled")
        assert theirs.calls == []

        await post.desk.access.callers.rotate("mis-2")
        await theirs.named("notification.cancelled")
    assert made["id"] not in {one["id"] for one in (await post.desk.call("GET", "/v1/webhooks")).json["data"]}


async def test_nothing_of_a_body_is_waited_for(post: Post) -> None:
    """A receiver that answers 200 and then sends without end has taken the event."""

    async def endless(request: Any) -> Any:
        from aiohttp import web

        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    async with a_receiver(endless) as receiver:
        made = await post.webhook(receiver, "notification.cancelled")
        await post.desk.move((await post.desk.send())["id"], CancelAsked())
        log = await post.logged(made, lambda log: bool(log) and log[0]["state"] != "waiting")
    assert (log[0]["state"], log[0]["status"]) == ("delivered", 200)


@pytest.mark.parametrize(("status", "pauses", "enabled"), [(429, True, True), (410, False, False)])
async def test_what_one_answer_asks_is_heeded_whatever_another_said(
    ledger_dsn: str, status: int, pauses: bool, enabled: bool
) -> None:
    """Answers that are written down together: a pause and a farewell count though another event was just taken."""
    async with a_desk(ledger_dsn) as desk, a_receiver(takes) as receiver:
        sender = Sender(desk.ledger, Vault(KEYS), source="https://notify.example", loopback=True)
        post = Post(desk, sender)
        made = await post.webhook(receiver, "notification.cancelled")
        for _ in range(2):
            await desk.move((await desk.send())["id"], CancelAsked())
        async with desk.ledger.transaction() as connection:
            first, second = await webhook_log.claim(connection, [], 8, 30)
            told = [
                sender.judged(first, Answer(status=204), 5),
                sender.judged(second, Answer(status=status, retry_after="600" if pauses else None), 5),
            ]
            await sender._settle_in(connection, told)
        seen = await post.seen(made)

    assert (seen["resumes_at"] is not None, seen["enabled"]) == (pauses, enabled)

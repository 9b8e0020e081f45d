"""GOV.UK Notify's calls, driven by its own client where that says all: sending, following, templates, failures."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from notifications_python_client.errors import HTTPError
from notifications_python_client.notifications import NotificationsAPIClient
from tests.api.desk import CODE, PHONE, Desk

from esoz_notify.api.compat_govuk import TEMPLATE_IDS, status_of
from esoz_notify.core.kinds import PUBLIC_KINDS
from esoz_notify.core.limits import PAGE_SIZE
from esoz_notify.engine.callers import GOVUK, SCOPES

SMS = "/v2/notifications/sms"
ASKED: dict[str, Any] = {
    "phone_number": PHONE,
    "template_id": TEMPLATE_IDS["confirmation_code"],
    "personalisation": {"verification_code": CODE},
    "reference": "visit-1",
}


async def client_of(desk: Desk, client_id: str = "mis-1") -> Any:
    """That service's own client, with a key of ours and our address."""
    made: Any = NotificationsAPIClient
    return made(await desk.access.api_keys.show(client_id, who="cli:a@b"), base_url=desk.base_url)


async def by(client: Callable[..., Any], *given: Any, **more: Any) -> Any:
    """A call of the client, which blocks."""
    return await asyncio.to_thread(client, *given, **more)


def error_of(refused: HTTPError) -> str:
    """The type of the first error."""
    assert refused.response is not None
    return str(refused.response.json()["errors"][0]["error"])


async def test_its_own_client_sends_follows_and_lists(desk: Desk) -> None:
    """As it is from PyPI: an SMS, its status and its page after page to the end, each call signed by the key."""
    client = await client_of(desk)
    sent = await by(
        client.send_sms_notification, "067 000 00 01", ASKED["template_id"], ASKED["personalisation"], "visit-1"
    )
    desk.fits(sent, {"$ref": "#/components/schemas/GovukSent"})
    seen = await by(client.get_notification_by_id, sent["id"])
    assert (seen["status"], seen["phone_number"], seen["completed_at"]) == ("created", "+38067*****01", None)
    await desk.deliver(sent["id"])
    seen = await by(client.get_notification_by_id, sent["id"])
    native = (await desk.call("GET", f"/v1/notifications/{sent['id']}")).json
    assert (seen["status"], seen["sent_at"], seen["completed_at"]) == (
        "delivered", native["attempts"][0]["submitted_at"], native["ended_at"],
    )  # fmt: skip
    assert (native["kind"], native["reference"]) == ("confirmation_code", "visit-1")

    await asyncio.gather(*(desk.send() for _ in range(PAGE_SIZE)))
    listed = await by(lambda: list(client.get_all_notifications_iterator()))
    assert len({one["id"] for one in listed}) == PAGE_SIZE + 1
    found = await by(client.get_all_notifications, "delivered", "sms", "visit-1")
    assert [one["id"] for one in found["notifications"]] == [sent["id"]]
    assert "reference=visit-1" in found["links"]["next"]
    assert await by(client.get_all_notifications, template_type="email") == {
        "notifications": [], "links": {"current": f"{desk.base_url}/v2/notifications"},
    }  # fmt: skip


async def test_templates_are_the_kinds(desk: Desk) -> None:
    """Each kind that callers may send, with its data; filled by a preview; by name as well as by id."""
    client = await client_of(desk)
    listed = (await by(client.get_all_templates))["templates"]
    assert {one["name"]: one["id"] for one in listed} == {name: TEMPLATE_IDS[name] for name in PUBLIC_KINDS}
    assert (await by(client.get_all_templates, "letter")) == {"templates": []}
    code = await by(client.get_template, ASKED["template_id"])
    assert code["personalisation"] == {"verification_code": {"required": True}, "purpose": {"required": False}}
    assert "((verification_code))" in code["body"]
    preview = await by(client.post_template_preview, ASKED["template_id"], {"verification_code": CODE})
    assert CODE in preview["body"]
    assert "((" not in preview["body"]
    assert await by(client.get_template, "confirmation_code") == code
    for unknown in (uuid4(), TEMPLATE_IDS["plain_text"], "plain_text", "x,y"):
        with pytest.raises(HTTPError) as refused:
            await by(client.get_template, unknown)
        assert (refused.value.status_code, error_of(refused.value)) == (
            404,
            "NoResultFound",
        )
    named = await desk.call("POST", SMS, {**ASKED, "template_id": "confirmation_code"})
    assert named.json["template"]["id"] == ASKED["template_id"]


async def test_an_answer_holds_no_code_and_no_phone(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Neither of the sending nor of the reading, nor a log: callers keep answers."""
    caplog.set_level(logging.DEBUG)
    sent = await desk.call("POST", SMS, ASKED)
    seen = await desk.call("GET", f"/v2/notifications/{sent.json['id']}")
    for told in (sent.body.decode(), seen.body.decode(), caplog.text):
        assert CODE not in told.replace(sent.json["id"], "")
        assert PHONE[1:] not in told


WRONG: tuple[tuple[dict[str, Any], list[str]], ...] = (
    ({}, ["template_id: must be one of", "phone_number: must match"]),
    ({**ASKED, "phone_number": 7}, ["phone_number: must match"]),
    ({**ASKED, "phone_number": "+44 7700 900000"}, ["phone_number: must match"]),
    ({**ASKED, "template_id": TEMPLATE_IDS["plain_text"]}, ["template_id: must be one of"]),
    ({**ASKED, "template_id": {"a": 1}}, ["template_id: must be one of"]),
    ({**ASKED, "personalisation": None}, ["personalisation/verification_code: is required"]),
    ({**ASKED, "personalisation": "x"}, ["personalisation: must be an object", "personalisation/verification_code"]),
    ({**ASKED, "personalisation": {"code": CODE, "name": "x"}}, ["personalisation/name: is not a field"]),
    ({**ASKED, "personalisation": {"verification_code": 4821}}, ["personalisation/verification_code: must be"]),
    ({**ASKED, "reference": "a\0"}, ["reference: must be"]),
    ({**ASKED, "email_address": "a@b.example"}, ["email_address: not taken here"]),
    ({**ASKED, PHONE: 1}, ["(hidden): not taken here"]),
)


async def test_a_wrong_value_is_named_as_it_is_called_here(desk: Desk) -> None:
    """400 with an error for each broken rule, which says the member, the rule and the fix, and no value."""
    for body, sentences in WRONG:
        reply = await desk.call("POST", SMS, body)
        told = reply.json["errors"]
        assert (reply.status, reply.json["status_code"]) == (400, 400), body
        assert [one["error"] for one in told] == ["ValidationError"] * len(sentences), told
        assert all(one["message"].startswith(said) for one, said in zip(told, sentences, strict=True)), told
        assert PHONE not in reply.body.decode()
    for query, said in (
        ("status=permanent-failure", "status: one of these"), ("older_than=x", "older_than: must be"),
        ("reference=%00", "reference: must be"), ("page=1", "page: this call knows"),
    ):  # fmt: skip
        reply = await desk.call("GET", f"/v2/notifications?{query}")
        assert (reply.status, reply.code) == (400, "ValidationError")
        assert reply.json["errors"][0]["message"].startswith(said)
    preview = await desk.call("POST", f"/v2/template/{ASKED['template_id']}/preview", {"personalisation": [1]})
    assert (preview.status, preview.json["errors"][0]["message"]) == (400, "personalisation: must be an object")


async def test_a_repeat_is_a_second_message_unless_it_has_a_key(desk: Desk) -> None:
    """Without a key as at that service; under one it is the first, also when it was sent by our own API."""
    plain = [(await desk.call("POST", SMS, ASKED)).json["id"] for _ in range(2)]
    keyed = [(await desk.call("POST", SMS, ASKED, idempotency_key='"k-1"')).json["id"] for _ in range(2)]
    assert len({*plain, *keyed}) == 3
    native = {"kind": "confirmation_code", "recipient": {"phone": PHONE}, "data": ASKED["personalisation"]}
    accepted = await desk.send({**native, "reference": "visit-1"}, key="k-1")
    assert accepted["id"] == keyed[0]
    reused = await desk.call("POST", SMS, {**ASKED, "reference": "visit-2"}, idempotency_key="k-1")
    assert (reused.status, reused.code) == (400, "ValidationError")
    wrong = await desk.call("POST", SMS, ASKED, idempotency_key='"')
    assert (wrong.status, wrong.code) == (400, "ValidationError")


async def test_statuses_in_its_words(desk: Desk) -> None:
    """A refusal for the number is permanent, any other technical; what is withdrawn is cancelled."""
    sent = (await desk.call("POST", SMS, ASKED)).json["id"]
    await desk.start(sent)
    assert (await desk.call("GET", f"/v2/notifications/{sent}")).json["status"] == "sending"
    await desk.call("POST", f"/v1/notifications/{sent}/cancel")
    assert (await desk.call("GET", f"/v2/notifications/{sent}")).json["status"] == "cancelled"
    view = {"status": "undelivered", "reason": None}
    assert status_of(view) == status_of({**view, "reason": "balance"}) == "technical-failure"
    assert status_of({**view, "reason": "invalid_number"}) == "permanent-failure"
    assert status_of({**view, "status": "expired"}) == "temporary-failure"


async def test_who_is_refused_is_told_so_by_the_client(desk: Desk) -> None:
    """A wrong key is 401 and a missing scope 403, both AuthError; another's notification is not there."""
    mine = (await desk.call("POST", SMS, ASKED)).json["id"]
    await desk.access.callers.create("mis-2", "Another", SCOPES)
    await desk.access.callers.create("mis-3", "Without the scope", ["turbosms:write"])
    wrong = await client_of(desk)
    wrong.api_key = str(uuid4())
    for client, status, error in (
        (wrong, 401, "AuthError"),
        (await client_of(desk, "mis-3"), 403, "AuthError"),
        (await client_of(desk, "mis-2"), 404, "NoResultFound"),
    ):
        with pytest.raises(HTTPError) as refused:
            await by(client.get_notification_by_id, mine)
        assert (refused.value.status_code, error_of(refused.value)) == (status, error)
    assert GOVUK in refused_scope(await desk.call("GET", "/v2/templates", token=await desk.token("otp:write")))


def refused_scope(reply: Any) -> str:
    """The challenge of a refusal."""
    return str(reply.headers["WWW-Authenticate"])


async def test_a_fault_of_ours_is_told_without_what_it_was_about(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """500 with the id under which it is in the log, and 503 with Retry-After while the ledger is away."""

    async def breaks(*_: object, **__: object) -> None:
        raise RuntimeError(f"about {PHONE}")

    none = await desk.call("GET", "/v2/notifications/x,y")
    assert (none.status, none.code) == (404, "NoResultFound")
    with monkeypatch.context() as patch:
        patch.setattr(type(desk.service), "accept", breaks)
        reply = await desk.call("POST", SMS, ASKED)
    assert (reply.status, reply.code) == (500, "Exception")
    assert reply.json["errors"][0]["message"].split()[-1] in caplog.text
    await desk.token()
    await desk.ledger.close()
    reply = await desk.call("GET", "/v2/notifications")
    assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, "ServiceUnavailable", "1")
    assert PHONE[1:] not in caplog.text + reply.body.decode()

"""The values of a dialogue may get into a log by their repr: nothing of a person or a secret is in it."""

from esoz_notify.channels.dialogue import HttpCall, HttpReply, Keep, OutboundMessage
from esoz_notify.core.phone import Phone


def test_reprs_hide_people_and_secrets() -> None:
    """A message shows its key and kind, a call its label, a reply its size, a kept value its name."""
    message = OutboundMessage(
        key="k1",
        phone=Phone("+380000000001"),
        tax_id="0000000001",
        kind="referral_issued",
        template="t",
        parameters={"code": "hush"},
        text="hush",
        language="uk",
        validity_s=20,
    )
    shown = [
        repr(message),
        repr(HttpCall(label="send", method="POST", path="/hush", headers={"x": "hush"}, body=b"hush")),
        repr(HttpReply(status=200, body=b"hush")),
        repr(Keep("bearer", "hush", 1)),
    ]

    assert shown == [
        "OutboundMessage(key='k1', kind='referral_issued')",
        "HttpCall(send)",
        "HttpReply(200, 4 bytes)",
        "Keep(bearer)",
    ]

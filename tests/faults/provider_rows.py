"""The providers under the contract of ``test_provider_contract``, one row each: a new provider is one row more.

``refused``: by the lab's word for a refusal, what the call must come to. ``reported``: by its word for one that a
receipt tells, what the receipt must say.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from esoz_notify.core.channel import Channel
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.results import Accepted, Refused, Result, TryLater, Unknown
from esoz_notify.lab.settings import LabSettings

LAB = LabSettings()
_S, _R = ReceiptState, Reason


@dataclass(frozen=True, kw_only=True)
class Row:
    """One provider. ``side``: the lab's name of it; ``table``: of the providers file, if it has no settings of its own.

    ``doubles``: copies of a receipt that the ledger keeps of two; ``shown_twice``: how often a message is shown that
    was called twice with one key; ``panel``: where the lab is told the address of our callbacks.
    """

    name: str
    channel: Channel
    side: str
    refused: Mapping[str, Result]
    reported: Mapping[str, tuple[ReceiptState, Reason]]
    table: str = ""
    panel: str = ""
    pushes: bool = True
    doubles: int = 2
    shown_twice: int = 1

    def __str__(self) -> str:
        return self.name


def turbosms(channel: Channel) -> str:
    """A table of TurboSMS on one channel."""
    return f"""
[[provider]]
name = "turbo-{channel}"
kind = "turbosms"
channel = "{channel}"
url = "{{turbosms}}"
token = "{LAB.turbosms_token}"
sender = "E-health"
signature_key = "{LAB.turbosms_signature_key}"
"""


HTTP_SMS = f"""
[[provider]]
name = "gate"
kind = "http-sms"
channel = "sms"
url = "{{http-sms}}"
callback_credentials = ["{LAB.callback_credential}"]
headers = {{ authorization = "Bearer {LAB.http_sms_token}" }}
id = "messages.0.id"
repeat_known = true
validity_min_s = 60
validity_max_s = 86400

[provider.send]
method = "POST"
path = "/v1/sms"
fields = {{ to = "{{phone}}", from = "E-health", text = "{{text}}", reference = "{{key}}", ttl = "{{validity_s}}" }}

[[provider.answer]]
status = 409
member = "error.code"
is = "duplicate"
result = "accepted"

[[provider.answer]]
member = "error.code"
is = "invalid_number"
result = "refused"
reason = "invalid_number"

[[provider.answer]]
member = "error.code"
is = "stoplist"
result = "refused"
reason = "stoplist"

[[provider.answer]]
member = "error.code"
is = "busy"
result = "later"
reason = "throttled"

[provider.states]
ENROUTE = "submitted"
DELIVRD = "delivered"
EXPIRED = "expired validity"
UNDELIV = "undeliverable absent"
REJECTD = "rejected operator"

[provider.report]
rows = "reports"
id = "id"
status = "state"

[provider.poll]
method = "GET"
path = "/v1/sms/{{id}}"
status = "state"
after_s = [15, 60, 300]
"""

_TURBO_REFUSED: Mapping[str, Result] = {
    "stoplist": Refused(_R.STOPLIST),
    "template": Refused(_R.TEMPLATE),
    "content": Refused(_R.CONTENT),
    "invalid_number": Refused(_R.INVALID_NUMBER),
    "sender": Refused(_R.SENDER),
    "balance": Refused(_R.BALANCE),
    "unauthorized": Refused(_R.NOT_AUTHORISED),
    "not_sent": TryLater(_R.PROVIDER_FAULT),
}
_TURBO_REPORTED = {
    "undelivered": (_S.UNDELIVERABLE, _R.UNKNOWN),
    "not_a_user": (_S.REJECTED, _R.UNKNOWN),
    "failed": (_S.UNDELIVERABLE, _R.UNKNOWN),
}
_SMSC_REFUSED: Mapping[str, Result] = {
    "invalid_number": Refused(_R.INVALID_NUMBER),
    "invalid_source": Refused(_R.SENDER),
    "queue_full": TryLater(_R.THROTTLED),
    "submit_failed": TryLater(_R.PROVIDER_FAULT),
    "system_error": TryLater(_R.PROVIDER_FAULT),
}

ROWS = (
    Row(
        name="infobip",
        channel=Channel.VIBER,
        side="viber",
        refused={
            "invalid_number": Refused(_R.INVALID_NUMBER),
            "sender": Refused(_R.SENDER),
            "balance": Refused(_R.BALANCE),
            "unauthorized": Refused(_R.NOT_AUTHORISED),
        },
        reported={
            "not_a_user": (_S.UNDELIVERABLE, _R.NOT_ON_CHANNEL),
            "blocked": (_S.UNDELIVERABLE, _R.BLOCKED_BY_USER),
            "no_device": (_S.UNDELIVERABLE, _R.NO_DEVICE),
            "template": (_S.REJECTED, _R.TEMPLATE),
            "content": (_S.REJECTED, _R.CONTENT),
            "provider": (_S.UNDELIVERABLE, _R.PROVIDER_FAULT),
        },
    ),
    Row(
        name="diia",
        channel=Channel.DIIA,
        side="diia",
        refused={
            "validation": Refused(_R.PARAMETERS),
            "unauthorized": Refused(_R.NOT_AUTHORISED),
            "unavailable": TryLater(_R.PROVIDER_FAULT),
        },
        reported={
            "not_found": (_S.UNDELIVERABLE, _R.NOT_ON_CHANNEL),
            "generation_error": (_S.REJECTED, _R.TEMPLATE),
            "send_error": (_S.UNDELIVERABLE, _R.PROVIDER_FAULT),
        },
        pushes=False,
    ),
    Row(
        name="smsc-a",
        channel=Channel.SMS,
        side="smsc-a",
        refused=_SMSC_REFUSED,
        reported={
            "undelivered": (_S.UNDELIVERABLE, _R.UNKNOWN),
            "rejected": (_S.REJECTED, _R.OPERATOR),
        },
        shown_twice=2,
    ),
    Row(
        name="turbo-viber",
        channel=Channel.VIBER,
        side="turbosms",
        refused=_TURBO_REFUSED,
        reported=_TURBO_REPORTED,
        table=turbosms(Channel.VIBER),
        panel="/panel/turbosms",
        doubles=1,  # an event has an id of its own, and is taken once
    ),
    Row(
        name="turbo-sms",
        channel=Channel.SMS,
        side="turbosms",
        refused=_TURBO_REFUSED,
        reported=_TURBO_REPORTED,
        table=turbosms(Channel.SMS),
        panel="/panel/turbosms",
        doubles=1,
    ),
    Row(
        name="gate",
        channel=Channel.SMS,
        side="http-sms",
        refused={
            "invalid_number": Refused(_R.INVALID_NUMBER),
            "stoplist": Refused(_R.STOPLIST),
            "balance": Refused(_R.BALANCE),
            "unauthorized": Refused(_R.NOT_AUTHORISED),
            "busy": TryLater(_R.THROTTLED),
        },
        reported={
            "undelivered": (_S.UNDELIVERABLE, _R.ABSENT),
            "rejected": (_S.REJECTED, _R.OPERATOR),
        },
        table=HTTP_SMS,
        panel="/panel/http-sms",
    ),
)


def same(result: Result, wanted: Result) -> bool:
    """Whether a result is of the wanted kind and reason, whatever its detail."""
    if isinstance(result, Accepted) or isinstance(wanted, Accepted):
        return type(result) is type(wanted)
    return (type(result), result.reason) == (type(wanted), wanted.reason)


NOTHING_KNOWN = Unknown(Reason.NO_ANSWER)

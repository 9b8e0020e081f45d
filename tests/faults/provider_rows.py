"""The providers under the contract of ``test_provider_contract``, one row each: a new provider is one row more.

``refused``: by the lab's word for a refusal, what the call must come to. ``reported``: by its word for one that a
receipt tells, what the receipt must say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

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
    was called twice with one key; ``panel``: where the lab is told the address of our callbacks, and ``panel_more``;
    ``pushes``, ``polls``: whether it reports by itself, and can be asked; ``signs``: its callbacks prove themselves.
    """

    name: str
    channel: Channel
    side: str
    refused: Mapping[str, Result]
    reported: Mapping[str, tuple[ReceiptState, Reason]]
    table: str = ""
    panel: str = ""
    panel_more: Mapping[str, str] = field(default_factory=dict)
    pushes: bool = True
    polls: bool = True
    signs: bool = False
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


@cache
def application_keys() -> tuple[str, str]:
    """Private and public key of an application, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private.decode(), key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


VONAGE_VIBER = f"""
[[provider]]
name = "vonage-viber"
kind = "vonage"
channel = "viber"
url = "{{vonage}}"
sender = "22353"
application_id = "0a0a0a0a-0b0b-4c0c-8d0d-0e0e0e0e0e0e"
private_key = '''{application_keys()[0]}'''
signature_secret = "{LAB.vonage_signature_secret}"
"""
VONAGE_SMS = f"""
[[provider]]
name = "vonage-sms"
kind = "vonage"
channel = "sms"
url = "{{vonage}}"
sender = "E-health"
api_key = "{LAB.vonage_api_key}"
api_secret = "{LAB.vonage_api_secret}"
signature_secret = "{LAB.vonage_signature_secret}"
webhook_url = "{{here}}/callbacks/vonage-sms"
"""


def hyber(channel: Channel) -> str:
    """A table of Hyber on one channel."""
    return f"""
[[provider]]
name = "hyber-{channel}"
kind = "hyber"
channel = "{channel}"
url = "{{hyber}}"
report_url = "{{hyber}}"
client_id = "2157"
login = "{LAB.hyber_login}"
password = "{LAB.hyber_password}"
sender = "E-health"
callback_url = "{{here}}/callbacks/hyber-{channel}"
callback_credentials = ["{LAB.callback_credential}"]
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
_VONAGE_REFUSED: Mapping[str, Result] = {
    "invalid_number": Refused(_R.INVALID_NUMBER),
    "sender": Refused(_R.SENDER),
    "template": Refused(_R.TEMPLATE),
    "balance": Refused(_R.BALANCE),
    "unauthorized": Refused(_R.NOT_AUTHORISED),
    "not_submitted": TryLater(_R.PROVIDER_FAULT),
}
_VONAGE_REPORTED = {
    "not_a_user": (_S.REJECTED, _R.NOT_ON_CHANNEL),
    "blocked": (_S.REJECTED, _R.BLOCKED_BY_USER),
    "no_device": (_S.REJECTED, _R.NO_DEVICE),
    "undelivered": (_S.REJECTED, _R.NUMBER_INACTIVE),
    "content": (_S.REJECTED, _R.CONTENT),
    "unreachable": (_S.UNDELIVERABLE, _R.PROVIDER_FAULT),
}
_HYBER_REFUSED: Mapping[str, Result] = {
    "rejected": Refused(_R.UNKNOWN),
    "unauthorized": Refused(_R.NOT_AUTHORISED),
}
_HYBER_REPORTED = {
    "undelivered": (_S.UNDELIVERABLE, _R.UNKNOWN),
    "expired": (_S.EXPIRED, _R.VALIDITY),
    "blocked_by_platform": (_S.REJECTED, _R.UNKNOWN),
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
        signs=True,
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
        signs=True,
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
    Row(
        name="vonage-viber",
        channel=Channel.VIBER,
        side="vonage",
        refused=_VONAGE_REFUSED,
        reported=_VONAGE_REPORTED,
        table=VONAGE_VIBER,
        panel="/panel/vonage",
        panel_more={"public_key": application_keys()[1]},
        polls=False,
        signs=True,
        doubles=1,  # the mark of a signed status is of its body
        shown_twice=2,
    ),
    Row(
        name="vonage-sms",
        channel=Channel.SMS,
        side="vonage",
        refused=_VONAGE_REFUSED,
        reported=_VONAGE_REPORTED | {"not_a_user": (_S.REJECTED, _R.OPERATOR)},
        table=VONAGE_SMS,
        polls=False,
        signs=True,
        doubles=1,
        shown_twice=2,
    ),
    *(
        Row(
            name=f"hyber-{channel}",
            channel=channel,
            side="hyber",
            refused=_HYBER_REFUSED,
            reported=_HYBER_REPORTED,
            table=hyber(channel),
            shown_twice=2,
        )
        for channel in (Channel.VIBER, Channel.SMS)
    ),
)


def same(result: Result, wanted: Result) -> bool:
    """Whether a result is of the wanted kind and reason, whatever its detail."""
    if isinstance(result, Accepted) or isinstance(wanted, Accepted):
        return type(result) is type(wanted)
    return (type(result), result.reason) == (type(wanted), wanted.reason)


NOTHING_KNOWN = Unknown(Reason.NO_ANSWER)

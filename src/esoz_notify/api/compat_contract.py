"""The rows of the calls in other services' dialects, for the table of calls."""

from typing import Any

from esoz_notify.api import compat_shapes as shapes
from esoz_notify.api.contract_rows import Answer, Envelope, Method, Operation, Parameter, asked, by_token
from esoz_notify.engine.callers import GOVUK, TURBOSMS

_KEY = Parameter(
    name="Idempotency-Key", place="header", schema={"type": "string", "minLength": 1, "maxLength": 202},
    what="As in POST /v1/notifications, and not of GOV.UK Notify. Without it every call is a message of its own.",
)  # fmt: skip
_BY_KEY = "Takes an API key (esoz-notify clients api-key) or a token signed by it besides an access token."
_TYPE = asked("template_type", "sms; of any other there are none.")
_PAGE = (
    _TYPE,
    asked("status", "created, sending, delivered, temporary-failure or cancelled."),
    asked("reference", "Your own id, exactly."),
    asked("older_than", "Id of the last notification of the page before.", type="string", format="uuid"),
    asked("include_jobs", "Taken and not used."),
)


def _govuk(  # noqa: PLR0913, PLR0917 - a row of the table below, read as a row
    name: str, method: Method, path: str, summary: str, what: str, answer: Answer, *,
    takes: Any = None, parameters: tuple[Parameter, ...] = (), refusals: tuple[int, ...] = (),
) -> Operation:  # fmt: skip
    return by_token(
        name, method, path, GOVUK, "GOV.UK Notify's API", summary, f"{what} {_BY_KEY}".strip(),
        takes=takes, answers=(answer,), parameters=parameters, refusals=refusals, envelope=Envelope.GOVUK,
    )  # fmt: skip


def _turbosms(  # noqa: PLR0913 - a row of the table below, read as a row
    name: str, path: str, summary: str, what: str, shape: Any, *, takes: Any = None
) -> Operation:
    return by_token(
        name, "POST", path, TURBOSMS, "TurboSMS's HTTP API", summary, f"{what} {_BY_KEY}",
        takes=takes, answers=(Answer(status=200, what="The code says what it came to.", shape=shape),),
        refusals=() if takes is None else (400, 413, 415), envelope=Envelope.TURBOSMS,
    )  # fmt: skip


_BODY = (400, 413, 415)

COMPAT = (
    _govuk(
        "govuk_send_sms", "POST", "/v2/notifications/sms", "Have an SMS of a template sent",
        "A template is a kind: its message goes by the policy's channels.",
        Answer(status=201, what="Accepted; it is on disk.", shape=shapes.GovukSent),
        takes=shapes.GovukSms, parameters=(_KEY,), refusals=(*_BODY, 409),
    ),
    _govuk(
        "govuk_list_notifications", "GET", "/v2/notifications", "Your notifications", "Newest first.",
        Answer(status=200, what="A page.", shape=shapes.GovukNotifications), parameters=_PAGE, refusals=(400,),
    ),
    _govuk(
        "govuk_get_notification", "GET", "/v2/notifications/{notification_id}", "One notification",
        "Its phone is masked.",
        Answer(status=200, what="The notification.", shape=shapes.GovukNotification), refusals=(404,),
    ),
    _govuk(
        "govuk_list_templates", "GET", "/v2/templates", "Every kind as a template", "",
        Answer(status=200, what="The templates.", shape=shapes.GovukTemplates),
        parameters=(asked("type", "sms; of any other there are none."),), refusals=(400,),
    ),
    _govuk(
        "govuk_get_template", "GET", "/v2/template/{template_id}", "One kind as a template", "",
        Answer(status=200, what="The template.", shape=shapes.GovukTemplate), refusals=(404,),
    ),
    _govuk(
        "govuk_preview_template", "POST", "/v2/template/{template_id}/preview", "What the SMS of a template says", "",
        Answer(status=200, what="The text.", shape=shapes.GovukPreview),
        takes=shapes.GovukPersonalisation, refusals=(*_BODY, 404),
    ),
    _turbosms(
        "turbosms_send", "/message/send.json", "Have a text sent",
        "A text of your own, by the policy's channels whichever part it is in. sequence_id makes a repeat safe.",
        shapes.TurboSmsSent, takes=shapes.TurboSmsSending,
    ),
    _turbosms(
        "turbosms_status", "/message/status.json", "What became of texts", "Phones are masked.",
        shapes.TurboSmsStatuses, takes=shapes.TurboSmsIds,
    ),
    _turbosms("turbosms_ping", "/message/ping.json", "Is the key good?", "Answers PONG.", shapes.TurboSmsProblem),
)  # fmt: skip

"""The table of calls: every path with its method, the scope it needs, its bodies and its answers.

Routing, access and the published OpenAPI are all made from this table, so a call that is not in it does not exist.
What does not belong here: doing the calls, and the shapes (``shapes``).
"""

from typing import Any

from esoz_notify.api import codes_shapes as codes
from esoz_notify.api import crisis_shapes, shapes
from esoz_notify.api.compat_contract import COMPAT
from esoz_notify.api.contract_rows import (
    EVENTS_TYPE,
    HTML_TYPE,
    METRICS_TYPE,
    PDF_TYPE,
    TEXT_TYPE,
    Answer,
    Credential,
    Envelope,
    Method,
    Operation,
    Parameter,
    asked,
    by_token,
)
from esoz_notify.api.fhir_contract import FHIR
from esoz_notify.api.reading import FORM_TYPE, NDJSON_TYPE
from esoz_notify.api.webhooks_contract import WEBHOOKS
from esoz_notify.core.kinds import KINDS
from esoz_notify.core.limits import (
    BATCH_BODY_BYTES_MAX,
    CALLBACK_BYTES_MAX,
    PAGE_SIZE,
    PAGE_SIZE_MAX,
    SHEET_DOCUMENTS_MAX,
)
from esoz_notify.core.status import Status
from esoz_notify.render.summary import Paper, Variant

__all__ = ["EVENTS_TYPE", "HTML_TYPE", "METRICS_TYPE", "OPERATIONS", "PDF_TYPE", "TEXT_TYPE", "Answer", "Credential",
           "Envelope", "Method", "Operation", "Parameter"]  # fmt: skip


def _esoz(  # noqa: PLR0913, PLR0917 - a row of the table below, read as a row
    name: str, method: Method, path: str, summary: str, what: str, takes: Any, answer: Answer
) -> Operation:  # fmt: skip
    refusals = (404, 400, 413, 415, 422) if takes is not None else (404,)
    return by_token(
        name, method, path, "otp:write", "ESOZ's present contract", summary, what,
        takes=takes, answers=(answer,), refusals=refusals, envelope=Envelope.ESOZ,
    )  # fmt: skip


def _open(name: str, path: str, summary: str, what: str, *answers: Answer, group: str = "Service") -> Operation:
    return Operation(
        name=name, method="GET", path=path, credential=Credential.NONE, scope=None, group=group, summary=summary,
        what=what, answers=answers,
    )  # fmt: skip


_IDEMPOTENCY_KEY = Parameter(
    name="Idempotency-Key", place="header", required=True,
    what="Your own value for this request, bare or in double quotes; remembered for 24 hours.",
    schema={"type": "string", "minLength": 1, "maxLength": 202, "examples": ["rx-0000-243P-1X53-EH38"]},
)  # fmt: skip
_TRACEPARENT = Parameter(
    name="traceparent", place="header", schema={"type": "string"},
    what="W3C trace context; kept with the notification. A wrong one is ignored.",
)  # fmt: skip
_LAST_EVENT_ID = Parameter(
    name="Last-Event-ID", place="header", schema={"type": "string"}, what="Number of the last event already seen."
)
_ACCEPT = Parameter(
    name="Accept", place="header", schema={"type": "string", "default": PDF_TYPE},
    what=f"{PDF_TYPE}, {HTML_TYPE} or {TEXT_TYPE}.",
)  # fmt: skip


_FILTERS = (
    asked("reference", "Your own id, exactly."),
    asked("status", "A status.", type="string", enum=list(Status)),
    asked("kind", "A kind.", type="string", enum=list(KINDS)),
    asked("phone", "The whole phone, as +380XXXXXXXXX (the plus as %2B).", type="string", pattern="^\\+380[0-9]{9}$"),
    asked("crisis", "Id of a crisis switch: what was issued under it.", type="string", format="uuid"),
    asked("cursor", "next_cursor of the page before.", type="string", format="uuid"),
    asked("limit", "Most on one page.", type="integer", minimum=1, maximum=PAGE_SIZE_MAX, default=PAGE_SIZE),
)

_FORM = (
    asked("paper", "Size of the sheet.", type="string", enum=list(Paper), default=Paper.A4),
    asked("variant", "Wording and size of letters: standard, large print, or plain language.",
           type="string", enum=list(Variant), default=Variant.STANDARD),
    asked("with", "Ids of more notifications of the same patient and caller, with commas: on the same sheet if they"
           f" fit, else a sheet each; {SHEET_DOCUMENTS_MAX} in all.", type="string"),
)  # fmt: skip

_N, _V, _P, _O, _S = "Notifications", "One-time codes", "Patients", "Operations", "Service"
_WRITE, _READ = "notifications:write", "notifications:read"
_ONE = "/v1/notifications/{notification_id}"
_CODE = "/v1/verifications/{verification_id}"
_VERIFICATION = Answer(status=200, what="The verification.", shape=codes.Verification)
_PATIENT = "/v1/patients/{patient_id}"
_PROVIDERS = "/v1/operations/providers"
_PROVIDER = f"{_PROVIDERS}/{{provider}}"
_CRISES = "/v1/operations/crisis"
_CRISIS = f"{_CRISES}/{{crisis_id}}"
_STORED = Answer(status=200, what="Stored in place of an earlier one.", shape=shapes.StoredPatient)

_TABLE = (
    Operation(
        name="issue_token", method="POST", path="/oauth/token", credential=Credential.CLIENT, scope=None,
        group="Access", summary="Get an access token",
        what="OAuth 2.0 client credentials (RFC 6749 §4.4). The client shows its id and secret by HTTP Basic or in the"
        " form, or an assertion that it signed with its own key (private_key_jwt, RFC 7523). A bound client's token is"
        " good only with the client certificate shown here (RFC 8705). Refusals have the bodies of RFC 6749 §5.2.",
        takes=shapes.TokenRequest, takes_type=FORM_TYPE, body_bytes_max=16 * 1024,
        answers=(Answer(status=200, what="A token for an hour.", shape=shapes.Token),), refusals=(413,),
    ),
    _open(
        "authorization_server", "/.well-known/oauth-authorization-server", "Where and how to get a token",
        "Authorization server metadata (RFC 8414).",
        Answer(status=200, what="Metadata.", shape=shapes.AnyObject), group="Access",
    ),
    by_token(
        "accept_notification", "POST", "/v1/notifications", _WRITE, _N, "Have somebody informed",
        "Decides who is informed and by which channels, writes it to disk and answers; the sending follows within"
        " moments. The same Idempotency-Key with the same request gets the first answer again, with the header"
        " idempotent-replayed: true.",
        takes=shapes.NotificationRequest, answers=(Answer(status=202, what="Accepted.", shape=shapes.Accepted),),
        parameters=(_IDEMPOTENCY_KEY, _TRACEPARENT), refusals=(400, 409, 413, 415, 422),
    ),
    by_token(
        "accept_batch", "POST", "/v1/notifications/batch", _WRITE, _N, "Have many people informed",
        "NDJSON: one request of POST /v1/notifications per line, 10,000 lines and 32 MiB at most. Each line is accepted"
        " or refused by itself; the answer has one line per line, in order. Send the same lines with the same"
        " Idempotency-Key again when the answer was lost: what was accepted is not sent twice.",
        takes=shapes.NotificationRequest, takes_type=NDJSON_TYPE, body_bytes_max=BATCH_BODY_BYTES_MAX,
        answers=(
            Answer(status=200, what="A result per line.", shape=shapes.BatchResult, media_types=(NDJSON_TYPE,)),
        ),
        parameters=(_IDEMPOTENCY_KEY, _TRACEPARENT), refusals=(400, 413, 415, 422),
    ),
    by_token(
        "list_notifications", "GET", "/v1/notifications", _READ, _N, "Find notifications",
        "Your own, or everybody's with the scope notifications:read_all; the newest first.",
        answers=(Answer(status=200, what="A page.", shape=shapes.Page),), parameters=_FILTERS, refusals=(400,),
    ),
    by_token(
        "search_notifications", "POST", "/v1/notifications/search", _READ, _N, "Find notifications by what is personal",
        "As GET /v1/notifications, but nothing that is asked for stands in an address, which proxies on the way log.",
        takes=shapes.Search, answers=(Answer(status=200, what="A page.", shape=shapes.Page),),
        refusals=(400, 413, 415, 422),
    ),
    by_token(
        "get_notification", "GET", _ONE, _READ, _N, "What became of it",
        "Status, route, attempts, receipts, and every decision with its reason.",
        answers=(Answer(status=200, what="The notification.", shape=shapes.Notification),), refusals=(404,),
    ),
    by_token(
        "stream_events", "GET", f"{_ONE}/events", _READ, _N, "Watch it",
        "Server-sent events: every fact of the history as it is recorded, from the first or after Last-Event-ID, and a"
        " last event named end when nothing more will happen by itself. Connect again when the stream ends without it.",
        answers=(Answer(status=200, what="Events.", shape=shapes.Event, media_types=(EVENTS_TYPE,)),),
        parameters=(_LAST_EVENT_ID,), refusals=(404,),
    ),
    by_token(
        "cancel_notification", "POST", f"{_ONE}/cancel", _WRITE, _N, "Withdraw it",
        "Nothing more is sent; what a provider already has cannot be taken back. Repeating it changes nothing.",
        answers=(Answer(status=200, what="The notification.", shape=shapes.Notification),), refusals=(404, 409),
    ),
    by_token(
        "resend_notification", "POST", f"{_ONE}/resend", _WRITE, _N, "Send it again",
        "By the next channel of the route, not the one that failed. Too often: 429 with next_at.",
        answers=(Answer(status=202, what="It will be sent.", shape=shapes.Notification),), refusals=(404, 409),
    ),
    by_token(
        "print_summary", "GET", f"{_ONE}/summary", "summaries:print", _N, "The printed summary",
        "One sheet for the patient: PDF/A and PDF/UA, self-contained HTML that prints the same, or plain text. Fetching"
        " it makes print_required printed; it may be fetched again. The code is on it only where the rule allows, and"
        " only until it is erased; then the page says that it is no longer available.",
        answers=(Answer(status=200, what="The page.", media_types=(PDF_TYPE, HTML_TYPE, TEXT_TYPE)),),
        parameters=(_ACCEPT, *_FORM), refusals=(400, 404, 406),
    ),
    by_token(
        "dry_run", "POST", "/v1/route", _READ, _N, "Ask without sending",
        "Takes the same body as POST /v1/notifications and tells who would be informed, by which channels and why.",
        takes=shapes.NotificationRequest, answers=(Answer(status=200, what="The route.", shape=shapes.Route),),
        refusals=(400, 413, 415, 422),
    ),
    by_token(
        "create_verification", "POST", "/v1/verifications", "verifications:write", _V, "Have something confirmed",
        "Makes a code, binds it to the purpose, your entity and the person, and has it sent ahead of everything else. A"
        " newer one for the same purpose and entity cancels the older. Too often for one patient, phone, doctor or"
        " client: 429 with next_at. Nobody whom a code can reach: 422 with advice.",
        takes=codes.VerificationRequest, parameters=(_IDEMPOTENCY_KEY, _TRACEPARENT),
        answers=(Answer(status=201, what="Made; the code is on its way.", shape=codes.Verification),),
        refusals=(400, 409, 413, 415, 422),
    ),
    by_token(
        "get_verification", "GET", _CODE, "verifications:write", _V, "What became of it",
        "Your own verifications only. advice says what to do when the code cannot come or cannot be used any more.",
        answers=(_VERIFICATION,), refusals=(404,),
    ),
    by_token(
        "check_verification", "POST", f"{_CODE}/check", "verifications:write", _V, "Check the code",
        "200 means that the code is right, and nothing else does. A wrong one is 403 with attempts_left; one that is"
        " over is 409. Three checks are judged, also of many at once.",
        takes=codes.CodeCheck, answers=(_VERIFICATION,), refusals=(400, 404, 409, 413, 415, 422),
    ),
    by_token(
        "resend_verification", "POST", f"{_CODE}/resend", "verifications:write", _V, "Send the code again",
        "The same code by the next channel of the route. Too often: 429 with next_at.",
        answers=(Answer(status=202, what="It will be sent.", shape=codes.Verification),), refusals=(404, 409),
    ),
    by_token(
        "stream_verification", "GET", f"{_CODE}/events", "verifications:write", _V, "Watch the code arrive",
        "The events of the notification that brings the code, as server-sent events: delivered_by names the channel.",
        answers=(Answer(status=200, what="Events.", shape=shapes.Event, media_types=(EVENTS_TYPE,)),),
        parameters=(_LAST_EVENT_ID,), refusals=(404,),
    ),
    by_token(
        "put_patient", "PUT", _PATIENT, "patients:write", _P, "Store the minimum of a patient",
        "Replaces an earlier one. ESOZ's own person may be sent as it is.",
        takes=shapes.PatientDocument, refusals=(400, 404, 413, 415, 422),
        answers=(Answer(status=201, what="Stored; there was none.", shape=shapes.StoredPatient), _STORED),
    ),
    by_token(
        "get_patient", "GET", _PATIENT, "patients:read", _P, "What is stored of a patient", "Phones are masked.",
        answers=(Answer(status=200, what="The patient.", shape=shapes.StoredPatient),), refusals=(404,),
    ),
    by_token(
        "delete_patient", "DELETE", _PATIENT, "patients:write", _P, "Forget a patient",
        "Notifications that were accepted go on.",
        answers=(Answer(status=204, what="Forgotten.", media_types=()),), refusals=(404,),
    ),
    by_token(
        "list_providers", "GET", _PROVIDERS, "operations:read", _O, "How providers are",
        "Every configured provider, by name, as all processes share it. A hold shows here at once; every process goes"
        " by it about a second later.",
        answers=(Answer(status=200, what="The providers.", shape=shapes.Providers),),
    ),
    by_token(
        "provider_history", "GET", f"{_PROVIDER}/history", "operations:read", _O, "How a provider came to be so",
        "The last hundred changes with their reasons, newest first: of its circuit, of its receipts, and by people.",
        answers=(Answer(status=200, what="The changes.", shape=shapes.ProviderHistory),), refusals=(404,),
    ),
    by_token(
        "hold_provider", "POST", f"{_PROVIDER}/hold", "operations:write", _O, "Take a provider out of use",
        "It gets nothing new until it is resumed, however well it works; what it already has is finished. Your client"
        " id is kept with the reason. Repeating it changes nothing: the first hold stays on record.",
        takes=shapes.GivenReason, answers=(Answer(status=200, what="The provider.", shape=shapes.Provider),),
        refusals=(400, 404, 413, 415, 422),
    ),
    by_token(
        "resume_provider", "POST", f"{_PROVIDER}/resume", "operations:write", _O, "Put a provider back into use",
        "Ends a hold; its circuit alone then decides what it gets. Repeating it changes nothing.",
        takes=shapes.GivenReason, answers=(Answer(status=200, what="The provider.", shape=shapes.Provider),),
        refusals=(400, 404, 413, 415, 422),
    ),
    by_token(
        "list_verification_alarms", "GET", "/v1/operations/verification-alarms", "operations:read", _O,
        "Who gets many codes that nobody uses",
        "The last hundred alarms, newest first: each is a person to whom many codes went in a day and none was used.",
        answers=(Answer(status=200, what="The alarms.", shape=codes.VerificationAlarms),),
    ),
    by_token(
        "list_crises", "GET", _CRISES, "operations:read", _O, "Crisis switches",
        "Those in force, coming, waiting for a confirmation, and the last hundred of the past; the banner for wherever"
        " people look.",
        answers=(Answer(status=200, what="The switches.", shape=crisis_shapes.CrisisOverview),),
    ),
    by_token(
        "propose_crisis", "POST", _CRISES, "operations:write", _O, "Propose a crisis switch",
        "For an operator's prefixes, regions, programmes or everything. Nothing happens before another client confirms"
        " it; from then, or its start, until its end what is new goes on paper with its code, beside its messages.",
        takes=crisis_shapes.CrisisProposal, refusals=(400, 409, 413, 415, 422),
        answers=(Answer(status=201, what="Proposed.", shape=crisis_shapes.Crisis),),
    ),
    by_token(
        "confirm_crisis", "POST", f"{_CRISIS}/confirm", "operations:write", _O, "Switch it on",
        "Not by who proposed it: 409 needs_another_person. Every process goes by it about a second later. Repeating it"
        " changes nothing.",
        answers=(Answer(status=200, what="The switch.", shape=crisis_shapes.Crisis),), refusals=(404, 409),
    ),
    by_token(
        "withdraw_crisis", "POST", f"{_CRISIS}/withdraw", "operations:write", _O, "Switch it off before its end",
        "One client is enough. What was issued under it stays as it is. Repeating it changes nothing.",
        takes=shapes.GivenReason, answers=(Answer(status=200, what="The switch.", shape=crisis_shapes.Crisis),),
        refusals=(400, 404, 409, 413, 415, 422),
    ),
    by_token(
        "crisis_report", "GET", f"{_CRISIS}/report", "operations:read", _O, "What was issued under it",
        "By kind and status as it is now, and of how much the summary was printed. A notification that several switches"
        " cover counts under each.",
        answers=(Answer(status=200, what="The report.", shape=crisis_shapes.CrisisReport),), refusals=(404,),
    ),
    *WEBHOOKS,
    *FHIR,
    _esoz(
        "esoz_initialize", "POST", "/verifications", "Have a code sent to a phone",
        "A newer code of the same phone cancels the older. It is on disk when this answers, whatever providers do.",
        codes.EsozPhoneVerificationRequest,
        Answer(status=201, what="Made; it is on its way.", shape=codes.EsozPhoneVerificationAnswer),
    ),
    _esoz(
        "esoz_complete", "PATCH", "/verifications/{phone}/actions/complete", "Check the code of a phone",
        "403 for a wrong code, one that is over, and too many attempts; 404 when the phone has none.",
        codes.EsozCode, Answer(status=200, what="Right.", shape=codes.EsozPhoneVerificationAnswer),
    ),
    _esoz(
        "esoz_verified", "GET", "/verifications/{phone}", "Was a code of this phone ever told rightly?",
        "404 when it was not.", None,
        Answer(status=200, what="It was.", shape=codes.EsozVerifiedPhoneAnswer),
    ),
    _esoz(
        "esoz_send_text", "POST", "/sms/send", "Have a text sent",
        "A text that one of ESOZ's components made. Three times at most within ten minutes to the same phone.",
        codes.EsozText, Answer(status=200, what="It will be sent.", shape=codes.EsozSentTextAnswer),
    ),
    _esoz(
        "esoz_factor", "POST", "/api/sms_verifications", "Have a code sent for some content, or check it",
        "For patients' applications. Without code: OTP sent, and the next step is to ask for it. With it: Verified.",
        codes.EsozFactor, Answer(status=200, what="Done.", shape=codes.EsozFactorAnswer),
    ),
    *COMPAT,
    Operation(
        name="take_callback", method="POST", path="/callbacks/{provider}", credential=Credential.PROVIDER, scope=None,
        group=_S, summary="Receipts of a provider",
        what="Called by providers, in their own shape, with the credential agreed with each. Answered when it is on"
        " disk; otherwise 503, so that the provider repeats it.",
        takes=shapes.AnyObject, body_bytes_max=CALLBACK_BYTES_MAX, refusals=(401, 404, 413),
        answers=(Answer(status=200, what="Kept.", media_types=()),),
    ),
    _open("alive", "/healthz", "Is the process alive?", "Always 200 while it is.",
          Answer(status=200, what="Alive.", shape=shapes.Alive)),
    _open("ready", "/readyz", "Should requests be sent here?", "Asks the ledger, and tells the state of every part.",
          Answer(status=200, what="Yes.", shape=shapes.Readiness),
          Answer(status=503, what="Not now.", shape=shapes.Readiness)),
    _open("metrics", "/metrics", "Numbers for Prometheus", "OpenMetrics 1.0; the list is docs/metrics.md.",
          Answer(status=200, what="Numbers.", media_types=(METRICS_TYPE,))),
    _open("openapi", "/openapi.json", "This contract", "OpenAPI 3.1.",
          Answer(status=200, what="The document.", shape=shapes.AnyObject)),
    _open("docs", "/docs", "This contract as a page", "Fetches nothing from elsewhere.",
          Answer(status=200, what="The page.", media_types=(HTML_TYPE,))),
)  # fmt: skip

OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in _TABLE}

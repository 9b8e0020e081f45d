"""Plays Diia's push service: bearers, templates, distributions, their status and recipients. Polled only.

Sources as in diia_request.py, where the words and checks are.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import msgspec
from aiohttp import web

from esoz_notify.lab.diia_request import (
    SCOPE_TITLES,
    distribution_faults,
    error,
    fill,
    issue_token,
    parameters_of,
    template_faults,
    token_is_good,
    validation_error,
)
from esoz_notify.lab.doors import Door, Handler, json_response
from esoz_notify.lab.faults import Fault
from esoz_notify.lab.ground import Ground
from esoz_notify.lab.journal import Record
from esoz_notify.lab.memory import Submission
from esoz_notify.lab.phones import TAX_KEY, Message, Phone
from esoz_notify.lab.settings import DIIA, DiiaPaths
from esoz_notify.lab.timers import now, seeded

_PUSH = "/api/v1/notification/distribution/push"
_DEFAULT_TITLE = "Сповіщення"


class Course(StrEnum):
    """Status of a distribution."""

    PENDING = "pending"
    IN_PROGRESS = "in-progress"
    SENT = "sent"
    CLOSED = "closed"


class Fate(StrEnum):
    """Status of one recipient; there is no "delivered"."""

    NOT_FOUND = "not-found"
    SENT = "sent"
    READ = "read"
    GENERATION_ERROR = "notification-generation-error"
    SEND_ERROR = "send-error"


_REFUSED_FATES = {
    "not_found": Fate.NOT_FOUND,
    "generation_error": Fate.GENERATION_ERROR,
    "send_error": Fate.SEND_ERROR,
}


@dataclass(slots=True, kw_only=True)
class Recipient:
    """One person of a distribution; ``fate`` None until the service came to it."""

    id: str
    tax_id: str
    resource_id: str | None
    parameters: dict[str, str]
    fate: Fate | None = None


@dataclass(slots=True, kw_only=True)
class Distribution:
    """A push to up to 10,000 people. ``mute``: a fault keeps its progress from being shown."""

    id: str
    template_id: str
    recipients: list[Recipient]
    doomed: Fate | None
    mute: bool
    course: Course = Course.PENDING
    left: int = field(default=0)


class Diia:
    """The push service for one partner."""

    def __init__(self, ground: Ground) -> None:
        settings = ground.settings
        self._settings = settings
        self._memory = ground.memory
        self._faults = ground.faults
        self._journal = ground.journal
        self._timers = ground.timers
        self._random = seeded(settings.seed)
        self._templates: dict[str, dict[str, Any]] = {
            key: {"title": _DEFAULT_TITLE, "fullText": text} for key, text in settings.diia_templates.items()
        }
        self._distributions: dict[str, Distribution] = {}
        self._shown: dict[tuple[str, str, str], Message] = {}
        self._ids = 0
        self.door = Door(DIIA, ground.faults, lambda _: json_response(error(429, "Too many requests"), 429))

    def routes(self) -> list[web.RouteDef]:
        """The service's paths, by the chosen variant of the two published ones."""
        status, results = f"{_PUSH}/{{id}}/status", f"{_PUSH}/{{id}}"
        if self._settings.diia_paths is DiiaPaths.GATEWAY:
            status, results = "/api/v1/notification/distribution/{id}/status", status
        wrap = self.door.wrap
        return [
            web.get("/api/v1/auth/partner/{token}", wrap(self._auth_v1)),
            web.post("/api/v2/auth/partner", wrap(self._auth_v2)),
            web.post("/api/v1/notification/template", wrap(self._scoped("createTemplate", self._create_template))),
            web.post(_PUSH, wrap(self._scoped("createDistribution", self._distribute), submission=True)),
            web.get(status, wrap(self._scoped("distributionStatus", self._status))),
            web.get(results, wrap(self._scoped("distributionResults", self._results))),
            web.delete(f"{_PUSH}/{{id}}", wrap(self._scoped("deleteDistribution", self._stop))),
        ]

    # Who may.

    async def _auth_v1(self, request: web.Request) -> web.Response:
        return self._bearer(request.match_info["token"])

    async def _auth_v2(self, request: web.Request) -> web.Response:
        match _decoded(await request.read()):
            case {"bearerToken": str(token)}:
                return self._bearer(token)
        return json_response(validation_error(distribution_faults(None)), 422)

    def _bearer(self, partner_token: str) -> web.Response:
        if partner_token != self._settings.diia_partner_token:
            return json_response(error(401, "Partner token is not valid", "UnauthorizedError"), 401)
        life_s = self._settings.diia_token_life_s
        return json_response({"token": issue_token(partner_token, issued_at=int(now()), life_s=life_s)})

    def _scoped(self, scope: str, handler: Callable[[web.Request], Any]) -> Handler:
        """The handler behind a good bearer that carries the scope."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            kind, _, token = request.headers.get("Authorization", "").partition(" ")
            if kind.lower() != "bearer" or not token:
                return json_response(error(401, "Empty token", "UnauthorizedError"), 401)
            if not token_is_good(token, self._settings.diia_partner_token, at=now()):
                return json_response(error(401, "Token is expired or not valid", "UnauthorizedError"), 401)
            if scope not in self._settings.diia_scopes:
                return _scope_refused(scope)
            response: web.StreamResponse = await handler(request)
            return response

        return guarded

    # Templates and distributions.

    def _new_id(self) -> str:
        """24 hexadecimal digits."""
        self._ids += 1
        return f"{int(now() * 1000):012x}{self._random.getrandbits(24):06x}{self._ids % 0x1000000:06x}"

    async def _create_template(self, request: web.Request) -> web.Response:
        body = _decoded(await request.read())
        if found := template_faults(body):
            return json_response(validation_error(found), 422)
        template_id = self._new_id()
        self._templates[template_id] = body
        self._journal.append("diia_template", {"id": template_id, "body": body})
        self._journal.flush()
        return json_response({"templateId": template_id}, 201)

    async def _distribute(self, request: web.Request) -> web.Response:
        body = _decoded(await request.read())
        if found := distribution_faults(body):
            return json_response(validation_error(found), 422)
        rule = self._faults.hit(DIIA, Fault.REFUSE)
        reason = rule.reason if rule else None
        if refused := _refused(reason):
            return refused
        if body["templateId"] not in self._templates:
            return json_response(error(404, "Template not found", "NotFoundError"), 404)
        distribution = Distribution(
            id=self._new_id(),
            template_id=body["templateId"],
            recipients=[_recipient(given) for given in body["recipients"]],
            doomed=_REFUSED_FATES.get(reason or ""),
            mute=self._faults.hit(DIIA, Fault.NEVER_RECEIPT) is not None,
        )
        self._accept(distribution)
        self._journal.flush()
        return json_response({"distributionId": distribution.id})

    def _accept(self, distribution: Distribution) -> None:
        self._distributions[distribution.id] = distribution
        if self._settings.history_max is not None and len(self._distributions) > self._settings.history_max:
            del self._distributions[next(iter(self._distributions))]
        self._journal.append("diia", asdict(distribution))
        for recipient in distribution.recipients:
            phone = self._memory.person(recipient.tax_id)
            self._memory.submitted(
                Submission(
                    provider=DIIA,
                    client_reference=recipient.resource_id or recipient.id,
                    provider_message_id=distribution.id,
                    msisdn=None if phone is None or phone.msisdn.startswith(TAX_KEY) else phone.msisdn,
                    accepted_at=now(),
                    text=self._text(distribution, recipient) or "",
                    more={
                        "tax_id": recipient.tax_id,
                        "recipient_id": recipient.id,
                        "resource_id": recipient.resource_id,
                    },
                )
            )
        self._begin(distribution)

    def _text(self, distribution: Distribution, recipient: Recipient) -> str | None:
        template = self._templates[distribution.template_id]
        return fill(template.get("fullText") or template["shortText"], recipient.parameters)

    def _begin(self, distribution: Distribution) -> None:
        """Send each recipient on its way, by the latency of its phone."""
        waiting = [recipient for recipient in distribution.recipients if recipient.fate is None]
        distribution.left = len(waiting)
        for recipient in waiting:
            phone = self._memory.person(recipient.tax_id)
            latency_s = 0.02 if phone is None else phone.latency_s(self._random)
            self._timers.later(latency_s, self._reach, distribution, recipient)
        self._timers.later(0.005, self._start, distribution)

    def _start(self, distribution: Distribution) -> None:
        if distribution.course is Course.PENDING:
            distribution.course = Course.IN_PROGRESS
        self._finish_if_done(distribution)

    def _reach(self, distribution: Distribution, recipient: Recipient) -> None:
        if distribution.course is Course.CLOSED or distribution.id not in self._distributions:
            return
        phone = self._memory.person(recipient.tax_id)
        text = self._text(distribution, recipient)
        fate = distribution.doomed
        if fate is None and (phone is None or not phone.diia):
            fate = Fate.NOT_FOUND
        elif fate is None and text is None:
            fate = Fate.GENERATION_ERROR
        if fate is None and phone is not None and text is not None:
            fate = Fate.SENT
            self._show(distribution, recipient, phone, text)
        self._turn(distribution, recipient, fate or Fate.SEND_ERROR)
        distribution.left -= 1
        self._finish_if_done(distribution)

    def _finish_if_done(self, distribution: Distribution) -> None:
        if distribution.left == 0 and distribution.course is Course.IN_PROGRESS:
            distribution.course = Course.SENT

    def _turn(self, distribution: Distribution, recipient: Recipient, fate: Fate) -> None:
        recipient.fate = fate
        self._journal.append("diia_fate", {"id": distribution.id, "recipient": recipient.id, "fate": fate})

    def _show(self, distribution: Distribution, recipient: Recipient, phone: Phone, text: str) -> None:
        """The notification appears; with removePrevious it takes the place of the earlier one of the same resource."""
        template = self._templates[distribution.template_id]
        title = fill(template["title"], recipient.parameters) or template["title"]
        message = Message("diia", text, now(), DIIA, distribution.id, title=title)
        key = (distribution.template_id, recipient.resource_id or "", phone.msisdn)
        replaces = None
        if recipient.resource_id is not None and template.get("removePrevious", True):
            replaces = self._shown.get(key)
            self._shown[key] = message
        self._memory.receive(phone, message, replaces=replaces)
        if phone.reads:
            self._timers.later(phone.latency_s(self._random), self._read, distribution, recipient, phone, message)

    def _read(self, distribution: Distribution, recipient: Recipient, phone: Phone, message: Message) -> None:
        if message in phone.messages and distribution.course is not Course.CLOSED:
            self._memory.read(phone.msisdn, message, now())
            self._turn(distribution, recipient, Fate.READ)

    # Polling.

    async def _status(self, request: web.Request) -> web.Response:
        distribution = self._distributions.get(request.match_info["id"])
        if distribution is None:
            return _unknown_distribution()
        return json_response({"status": Course.PENDING if distribution.mute else distribution.course})

    async def _results(self, request: web.Request) -> web.Response:
        distribution = self._distributions.get(request.match_info["id"])
        if distribution is None:
            return _unknown_distribution()
        shown = [
            {"id": recipient.id, "rnokpp": recipient.tax_id, "status": recipient.fate}
            for recipient in distribution.recipients
            if recipient.fate is not None and not distribution.mute
        ]
        return json_response({"recipients": shown})

    async def _stop(self, request: web.Request) -> web.Response:
        """Not started: it is gone. Running: nobody more gets it."""
        distribution = self._distributions.get(request.match_info["id"])
        if distribution is None:
            return _unknown_distribution()
        gone = distribution.course is Course.PENDING
        if gone:
            del self._distributions[distribution.id]
        distribution.course = Course.CLOSED
        self._journal.append("diia_stop", {"id": distribution.id, "gone": gone})
        return web.Response(status=204)

    # After a restart.

    def restore(self, kind: str, record: Record) -> bool:
        """Take back one line of the journal; False when it is somebody else's kind."""
        distribution = self._distributions.get(record.get("id", ""))
        if kind == "diia_template":
            self._templates[record["id"]] = record["body"]
        elif kind == "diia":
            self._distributions[record["id"]] = _restored(record)
        elif kind == "diia_fate":
            for recipient in distribution.recipients if distribution else ():
                if recipient.id == record["recipient"]:
                    recipient.fate = Fate(record["fate"])
        elif kind == "diia_stop":
            if distribution is not None:
                distribution.course = Course.CLOSED
            if record["gone"]:
                self._distributions.pop(record["id"], None)
        else:
            return False
        return True

    def resume(self) -> None:
        """Take up what a killed lab left: recipients not reached, messages not read."""
        for distribution in self._distributions.values():
            if distribution.course is Course.CLOSED or distribution.template_id not in self._templates:
                continue
            for recipient in distribution.recipients:
                if recipient.fate in {Fate.SENT, Fate.READ}:
                    self._resume_shown(distribution, recipient)
            self._begin(distribution)

    def _resume_shown(self, distribution: Distribution, recipient: Recipient) -> None:
        phone = self._memory.person(recipient.tax_id)
        if phone is None:
            return
        for message in phone.messages:
            if (message.provider, message.provider_message_id) != (DIIA, distribution.id):
                continue
            if recipient.resource_id is not None:
                self._shown[distribution.template_id, recipient.resource_id, phone.msisdn] = message
            if phone.reads and message.read_at is None:
                self._timers.later(phone.latency_s(self._random), self._read, distribution, recipient, phone, message)


def _decoded(data: bytes) -> Any:
    """The JSON value, or None when it is none: every body check refuses None."""
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return None


def _recipient(given: dict[str, Any]) -> Recipient:
    return Recipient(
        id=given["id"], tax_id=given["rnokpp"], resource_id=given.get("resourceId"), parameters=parameters_of(given)
    )


def _restored(record: Record) -> Distribution:
    recipients = [Recipient(**recipient) for recipient in record["recipients"]]
    doomed = record["doomed"] and Fate(record["doomed"])
    course = Course(record["course"])
    return Distribution(**(record | {"recipients": recipients, "doomed": doomed, "course": course}))


def _refused(reason: str | None) -> web.Response | None:
    """The answer of a refused distribution; None for reasons that only a recipient's status tells."""
    match reason:
        case "validation":
            return json_response(validation_error(distribution_faults(None)), 422)
        case "template":
            return json_response(error(404, "Template not found", "NotFoundError"), 404)
        case "scope":
            return _scope_refused("createDistribution")
        case "unauthorized":
            return json_response(error(401, "Token is expired or not valid", "UnauthorizedError"), 401)
        case "unavailable":
            return json_response(error(503, "Service is not available", "ServiceNotAvailableError"), 503)
    return None


def _scope_refused(scope: str) -> web.Response:
    return json_response(error(403, f'"{SCOPE_TITLES[scope]}" scope required'), 403)


def _unknown_distribution() -> web.Response:
    return json_response(error(404, "Distribution not found", "NotFoundError"), 404)

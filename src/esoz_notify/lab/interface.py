"""The lab's own HTTP interface: phones, submissions, faults. It asks and tells; nothing of a provider is known here."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec
from aiohttp import web

from esoz_notify.core.errors import InvalidInput, NotFound, Problem, Unavailable
from esoz_notify.lab.doors import json_response
from esoz_notify.lab.faults import TARGETS, Faults, parse_order, rule_json
from esoz_notify.lab.memory import Memory, message_json, submission_json
from esoz_notify.lab.phones import as_json, parse_msisdn, parse_patch
from esoz_notify.lab.smsc import Smsc

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Interface:
    """Handlers over the lab's memory and faults; bad input is a problem document (RFC 9457)."""

    def __init__(self, memory: Memory, faults: Faults, smscs: Mapping[str, Smsc]) -> None:
        self._memory = memory
        self._faults = faults
        self._smscs = smscs

    def routes(self) -> list[web.RouteDef]:
        """The lab's own paths."""
        return [
            web.get("/healthz", explained(self._healthz)),
            web.get("/phones", explained(self._phones)),
            web.delete("/phones", explained(self._forget)),
            web.get("/phones/{msisdn}", explained(self._phone)),
            web.put("/phones/{msisdn}", explained(self._put_phone)),
            web.get("/phones/{msisdn}/messages", explained(self._messages)),
            web.get("/submissions", explained(self._submissions)),
            web.get("/smscs", explained(self._list_smscs)),
            web.get("/faults", explained(self._list_faults)),
            web.post("/faults", explained(self._order_fault)),
            web.delete("/faults", explained(self._clear_faults)),
        ]

    async def _healthz(self, _request: web.Request) -> web.Response:
        return json_response({"status": "ok", "faults": len(self._faults.all())})

    async def _phones(self, _request: web.Request) -> web.Response:
        return json_response([as_json(phone) for phone in self._memory.phones.values()])

    async def _phone(self, request: web.Request) -> web.Response:
        msisdn = parse_msisdn(request.match_info["msisdn"])
        phone = self._memory.phones.get(msisdn)
        if phone is None:
            return _problem(404, "not_found", "nobody has used or made this phone yet")
        return json_response(as_json(phone))

    async def _put_phone(self, request: web.Request) -> web.Response:
        msisdn = parse_msisdn(request.match_info["msisdn"])
        patch = parse_patch(await read_json(request))
        known = msisdn in self._memory.phones
        return json_response(as_json(self._memory.patch(msisdn, patch)), 200 if known else 201)

    async def _messages(self, request: web.Request) -> web.Response:
        phone = self._memory.phones.get(parse_msisdn(request.match_info["msisdn"]))
        return json_response([] if phone is None else [message_json(message) for message in phone.messages])

    async def _forget(self, _request: web.Request) -> web.Response:
        self._memory.forget()
        return web.Response(status=204)

    async def _submissions(self, request: web.Request) -> web.Response:
        wanted = _providers(request)
        rows = self._memory.submissions
        return json_response([submission_json(row) for row in rows if row.provider in wanted])

    async def _list_smscs(self, _request: web.Request) -> web.Response:
        return json_response(
            [
                {
                    "name": name,
                    "bound": smsc.bound,
                    "bind_limit": smsc.settings.bind_limit,
                    "binds_most": smsc.counts.binds_most,
                    "binds_refused": smsc.counts.binds_refused,
                    "submits": smsc.counts.submits,
                    "submits_most": {f"{window_s}_s": most for window_s, most in smsc.counts.submits_most.items()},
                }
                for name, smsc in self._smscs.items()
            ]
        )

    async def _list_faults(self, _request: web.Request) -> web.Response:
        return json_response([rule_json(rule) for rule in self._faults.all()])

    async def _order_fault(self, request: web.Request) -> web.Response:
        rules = self._faults.order(parse_order(await read_json(request)))
        return json_response([rule_json(rule) for rule in rules], 201)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._faults.clear(_providers(request))
        return web.Response(status=204)


def _providers(request: web.Request) -> tuple[str, ...]:
    """Those of the query's ``provider``; all of them when it names none. Raises InvalidInput."""
    provider = request.query.get("provider", "all")
    if provider not in TARGETS:
        raise InvalidInput([Problem("/provider", "unknown_provider", f"needed is one of {', '.join(TARGETS)}")])
    return TARGETS[provider]


async def read_json(request: web.Request) -> object:
    """The body. Raises InvalidInput when it is not JSON."""
    try:
        return msgspec.json.decode(await request.read())
    except msgspec.DecodeError as error:
        raise InvalidInput([Problem("", "not_json", "the body must be one JSON object")]) from error


def explained(handler: Handler) -> Handler:
    """A handler whose errors of ours are problem documents (RFC 9457)."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except InvalidInput as error:
            return _problem(400, error.code, error.detail, error.problems)
        except NotFound as error:
            return _problem(404, error.code, error.detail)
        except Unavailable as error:
            return _problem(503, error.code, error.detail)

    return answer


def _problem(status: int, code: str, detail: str, problems: tuple[Problem, ...] = ()) -> web.Response:
    body = {
        "type": "about:blank",
        "title": "The lab cannot do that",
        "status": status,
        "code": code,
        "detail": detail,
        "invalid": [{"pointer": p.pointer, "code": p.code, "detail": p.detail} for p in problems],
    }
    response = json_response(body, status)
    response.content_type = "application/problem+json"
    return response

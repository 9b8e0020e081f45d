"""Infobip's Viber templates: creation, list, one, deletion. Held ones from the settings need no creation.

Source: Infobip OpenAPI 3.210.0, ``/viber/1/senders/{sender}/templates`` (early access).
"""

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from esoz_notify.lab.doors import Door, json_response
from esoz_notify.lab.journal import Journal, Record
from esoz_notify.lab.settings import LabSettings
from esoz_notify.lab.timers import now
from esoz_notify.lab.viber_messages import problem
from esoz_notify.lab.viber_request import template_violations

_PATH = "/viber/1/senders/{sender}/templates"


class ViberTemplates:
    """Templates by id; the lab's moderator approves each at once."""

    def __init__(
        self, settings: LabSettings, journal: Journal, refused_key: Callable[[web.Request], web.Response | None]
    ) -> None:
        self._held = dict(settings.templates)
        self._made: dict[str, dict[str, Any]] = {}
        self._journal = journal
        self._refused_key = refused_key

    def routes(self, door: Door) -> list[web.RouteDef]:
        """The template paths."""
        return [
            web.post(_PATH, door.wrap(self._create)),
            web.get(_PATH, door.wrap(self._list)),
            web.get(_PATH + "/{template_id}", door.wrap(self._get)),
            web.delete(_PATH + "/{template_id}", door.wrap(self._delete)),
        ]

    def body(self, template_id: str, language: str | None) -> str | None:
        """The body of an approved template; None when unknown or created in another language."""
        made = self._made.get(template_id)
        if made is None:
            return self._held.get(template_id)
        wrong = language not in {None, made["body"][0]["language"]} or (language is None and made["category"] != "OTP")
        return None if wrong else str(made["body"][0]["template"])

    async def _create(self, request: web.Request) -> web.Response:
        if refused := self._refused_key(request):
            return refused
        try:
            body = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            body = None
        if found := template_violations(body):
            action = "Check the syntax, violations and adjust the request."
            return json_response(problem("E400", "Request cannot be processed.", action, found), 400)
        at_ms = int(now() * 1000)
        template = {
            "templateId": f"tpl-{at_ms:x}-{len(self._made) + 1}",
            "version": 1,
            "sender": request.match_info["sender"],
            "createdAt": at_ms,
            "category": body["category"],
            "status": "APPROVED",
            "lastModified": at_ms,
            "params": body.get("params", []),
            "body": body["body"],
        }
        self._made[str(template["templateId"])] = template
        self._journal.append("viber_template", template)
        self._journal.flush()
        return json_response(template, 201)

    async def _list(self, request: web.Request) -> web.Response:
        if refused := self._refused_key(request):
            return refused
        sender = request.match_info["sender"]
        return json_response({"templates": [t for t in self._made.values() if t["sender"] == sender]})

    async def _get(self, request: web.Request) -> web.Response:
        if refused := self._refused_key(request):
            return refused
        template = self._made.get(request.match_info["template_id"])
        return _not_found() if template is None else json_response(template)

    async def _delete(self, request: web.Request) -> web.Response:
        if refused := self._refused_key(request):
            return refused
        template_id = request.match_info["template_id"]
        if self._made.pop(template_id, None) is None:
            return _not_found()
        self._journal.append("viber_template_gone", {"templateId": template_id})
        return web.Response(status=204)

    def restore(self, kind: str, record: Record) -> bool:
        """Take back one line of the journal; False when it is somebody else's kind."""
        if kind == "viber_template":
            self._made[record["templateId"]] = record
        elif kind == "viber_template_gone":
            self._made.pop(record["templateId"], None)
        else:
            return False
        return True


def _not_found() -> web.Response:
    return json_response(problem("E404", "Requested resource is not found.", "Check the id."), 404)

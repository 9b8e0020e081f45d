"""The calls that come by the thousand, past the router: the same gate, handlers and answers with less around them.

What belongs here: finding these calls, reading their bodies, sending their answers. What does not: what they do; any
other call, and any other spelling of these paths, takes the ordinary way.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from litestar import Litestar, Request, Response
from litestar.datastructures import Headers, State
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from esoz_notify.api import callbacks, gate, notifications
from esoz_notify.api.contract import Operation
from esoz_notify.api.reading import BadRequest, TooLarge
from esoz_notify.core.errors import NotifyError
from esoz_notify.engine.access import Claims

_ACCEPT = notifications.accept_notification
_ACCEPT_PATH = "/v1/notifications"
_CALLBACK = callbacks.take_callback
_CALLBACK_PREFIX = "/callbacks/"


class Direct:
    """An ASGI application around the router of ``app``."""

    def __init__(self, app: Litestar) -> None:
        self._router: ASGIApp = app.asgi_handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call of these by its handler, and leave the rest to the router."""
        found = _find(scope)
        if found is None:
            await self._router(scope, receive, send)
            return
        handler, parameters = found
        scope["route_handler"] = handler
        scope["path_params"] = parameters
        request = HotRequest(scope, receive, send)
        try:
            await gate.admit(request)
            response: Response[bytes] = await handler.fn(request, **parameters)
        except NotifyError as error:
            response = gate.refuse(request, error)
        except Exception as error:
            response = gate.fail(request, error)
        await _send(response, send)


class HotRequest(Request[Any, Claims, State]):
    """A request whose headers are read once, and whose body is read as it comes."""

    __slots__ = ("_read_headers",)

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope, receive, send)
        self._read_headers = Headers.from_scope(scope)

    @property
    def headers(self) -> Headers:
        """The headers."""
        return self._read_headers

    async def body(self) -> bytes:
        """The whole body; to be called once. Raises TooLarge before it is in memory, BadRequest when it breaks off."""
        operation: Operation = self.route_handler.opt["operation"]
        bytes_max = operation.body_bytes_max
        announced = self._read_headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > bytes_max:
            raise _too_large(bytes_max)
        body = bytearray()
        more = True
        while more:
            event = await self.receive()
            if event["type"] != "http.request":
                raise BadRequest("the request cannot be read")
            body += event["body"]
            if len(body) > bytes_max:
                raise _too_large(bytes_max)
            more = event.get("more_body", False)
        return bytes(body)


def _too_large(bytes_max: int) -> TooLarge:
    return TooLarge(f"send {bytes_max} bytes at most")


def _find(scope: Mapping[str, object]) -> tuple[HTTPRouteHandler, dict[str, str]] | None:
    """The handler of a call of these, and what its path names."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    path = str(scope["path"])
    if path == _ACCEPT_PATH:
        return _ACCEPT, {}
    provider = path.removeprefix(_CALLBACK_PREFIX)
    if provider and provider != path and "/" not in provider:
        return _CALLBACK, {"provider": provider}
    return None


async def _send(response: Response[bytes], send: Send) -> None:
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.headers.items()]
    headers.append((b"content-type", _content_type(str(response.media_type))))
    headers.append((b"content-length", b"%d" % len(response.content)))
    await send({"type": "http.response.start", "status": response.status_code or 200, "headers": headers})
    await send({"type": "http.response.body", "body": response.content, "more_body": False})


@cache
def _content_type(media_type: str) -> bytes:
    return (f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type).encode()

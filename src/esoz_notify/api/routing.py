"""Makes a route of a handler and the row of the contract that it answers, so that the two cannot disagree."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from esoz_notify.api.contract import OPERATIONS

Handler: TypeAlias = Callable[..., Awaitable[Response[Any]]]


def answers(name: str) -> Callable[[Handler], HTTPRouteHandler]:
    """Decorate the handler of the operation of this name."""
    operation = OPERATIONS[name]

    def made(handler: Handler) -> HTTPRouteHandler:
        return HTTPRouteHandler(
            path=re.sub(
                r"\{(\w+_id)\}",
                r"{\1:uuid}",
                re.sub(r"\{(provider|phone|communication)\}", r"{\1:str}", operation.path),
            ),
            http_method=operation.method,
            name=operation.name,
            status_code=operation.answers[0].status,
            request_max_body_size=operation.body_bytes_max,
            operation=operation,
        )(handler)

    return made

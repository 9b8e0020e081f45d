"""Makes a route of a handler and the row of the contract that it answers, so that the two cannot disagree."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from esoz_notify.api.contract import OPERATIONS
from esoz_notify.api.contract_rows import DIALECTS

Handler: TypeAlias = Callable[..., Awaitable[Response[Any]]]


def answers(name: str) -> Callable[[Handler], HTTPRouteHandler]:
    """Decorate the handler of the operation of this name."""
    operation = OPERATIONS[name]
    # Where another service's dialect is spoken, an id that is none is told in its words too, so the call looks at it.
    id_type = "str" if operation.envelope in DIALECTS else "uuid"
    path = re.sub(r"\{(provider|phone|communication)\}", r"{\1:str}", operation.path)

    def made(handler: Handler) -> HTTPRouteHandler:
        return HTTPRouteHandler(
            path=re.sub(r"\{(\w+_id)\}", rf"{{\1:{id_type}}}", path),
            http_method=operation.method,
            name=operation.name,
            status_code=operation.answers[0].status,
            request_max_body_size=operation.body_bytes_max,
            operation=operation,
        )(handler)

    return made

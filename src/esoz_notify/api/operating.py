"""The operators' calls: how providers are, how they came to be so, and taking one out of use.

What belongs here: bodies and answers. What does not: what a hold does (engine), the word for a state (core).
"""

from typing import Any

from litestar import Response
from litestar.params import FromPath

from esoz_notify.api.edge import Asking, answer, caller, edge, read_object
from esoz_notify.api.routing import answers
from esoz_notify.core.breaker import Breaker, shown
from esoz_notify.core.errors import InvalidInput
from esoz_notify.core.fields import Fields, Findings
from esoz_notify.engine.operations import WHY_LENGTH_MAX
from esoz_notify.engine.views import rfc3339
from esoz_notify.store.health import ProviderChange, ProviderHealth


@answers("list_providers")
async def list_providers(request: Asking) -> Response[bytes]:
    """Every configured provider."""
    found = await edge(request).operations.providers_health()
    return answer({"data": [_provider(one) for one in found]})


@answers("provider_history")
async def provider_history(request: Asking, provider: FromPath[str]) -> Response[bytes]:
    """What changed, and who or what changed it."""
    found = await edge(request).operations.provider_history(provider)
    return answer({"data": [_change(one) for one in found]})


@answers("hold_provider")
async def hold_provider(request: Asking, provider: FromPath[str]) -> Response[bytes]:
    """Take it out of use."""
    why = read_reason(await read_object(request))
    return answer(
        _provider(await edge(request).operations.hold_provider(provider, why=why, actor=caller(request).actor))
    )


@answers("resume_provider")
async def resume_provider(request: Asking, provider: FromPath[str]) -> Response[bytes]:
    """Put it back into use."""
    why = read_reason(await read_object(request))
    return answer(
        _provider(await edge(request).operations.resume_provider(provider, why=why, actor=caller(request).actor))
    )


def read_reason(document: dict[str, Any]) -> str:
    """The one member of a body that says why. Raises InvalidInput with every problem."""
    findings = Findings()
    fields = Fields(document, "", findings)
    name, given = fields.text("reason")
    reason = fields.plain(name, given, WHY_LENGTH_MAX) if given is not None and given.strip() else None
    if reason is None and not findings.problems:
        fields.problem(name, "required", "say in a few words why; it is kept in the history")
    for other in fields.left():
        fields.problem(other, "unknown_field", "is not a member of this body, which has: reason; remove it")
    if reason is None or findings.problems:
        raise InvalidInput(findings.problems)
    return reason


def _provider(health: ProviderHealth) -> dict[str, Any]:
    breaker, hold = health.breaker, health.hold
    # Whether a process's own connection is up is known to that process alone; its /readyz tells.
    state = shown(breaker, hold, is_up=True, stopped=health.receipts_stopped, slow=health.slow)
    return {
        "name": health.provider,
        "state": state,
        "since": rfc3339(breaker.since),
        "reason": _why(breaker),
        "held_by": hold.by if hold else None,
        "held_why": hold.why if hold else None,
        "held_since": rfc3339(hold.at) if hold else None,
        "slow": health.slow,
        "receipts_stopped": health.receipts_stopped,
    }


def _why(breaker: Breaker) -> str:
    return f"{breaker.why}: {breaker.reason}" if breaker.reason else breaker.why.value


def _change(change: ProviderChange) -> dict[str, Any]:
    assert change.at is not None, "what was read from the ledger has its time"
    return {"at": rfc3339(change.at), "change": change.change, "reason": change.reason, "by": change.by}

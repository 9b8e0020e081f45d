"""The operators' calls of the crisis switch: proposing, confirming, withdrawing, seeing what is and what it came to.

What belongs here: bodies and answers. What does not: the rules and the reading of a proposal (core), learning (engine).
"""

from typing import Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath

from esoz_notify.api.edge import Asking, answer, caller, edge, read_object
from esoz_notify.api.operating import read_reason
from esoz_notify.api.routing import answers
from esoz_notify.core.crisis import OVER, CrisisState, Signature, banner
from esoz_notify.core.explain import Explanation
from esoz_notify.engine.crises import Crises, Report, Seen
from esoz_notify.engine.views import rfc3339


@answers("propose_crisis")
async def propose_crisis(request: Asking) -> Response[bytes]:
    """Propose one."""
    document = await read_object(request)
    return answer(_crisis(await _crises(request).propose(document, actor=caller(request).actor)), 201)


@answers("confirm_crisis")
async def confirm_crisis(request: Asking, crisis_id: FromPath[UUID]) -> Response[bytes]:
    """Switch it on."""
    return answer(_crisis(await _crises(request).confirm(crisis_id, actor=caller(request).actor)))


@answers("withdraw_crisis")
async def withdraw_crisis(request: Asking, crisis_id: FromPath[UUID]) -> Response[bytes]:
    """Switch it off."""
    why = read_reason(await read_object(request))
    return answer(_crisis(await _crises(request).withdraw(crisis_id, why=why, actor=caller(request).actor)))


@answers("list_crises")
async def list_crises(request: Asking) -> Response[bytes]:
    """What is, what comes, what was."""
    found = await _crises(request).every()

    def those(*states: CrisisState) -> list[dict[str, Any]]:
        return [_crisis(one) for one in found if one.state in states]

    said = {
        "banner": both(banner([one.crisis for one in found if one.state is CrisisState.IN_FORCE])),
        "in_force": those(CrisisState.IN_FORCE),
        "coming": those(CrisisState.COMING),
        "proposed": those(CrisisState.PROPOSED),
        "past": those(*OVER),
    }
    return answer(said)


@answers("crisis_report")
async def crisis_report(request: Asking, crisis_id: FromPath[UUID]) -> Response[bytes]:
    """What it came to."""
    return answer(_report(await _crises(request).report(crisis_id)))


def both(sentence: Explanation | None) -> dict[str, str] | None:
    """A sentence for people as the API shows it."""
    return {"uk": sentence.uk, "en": sentence.en} if sentence else None


def _crises(request: Asking) -> Crises:
    return edge(request).operations.crises


def _crisis(seen: Seen) -> dict[str, Any]:
    crisis, asked = seen.crisis, seen.crisis.proposal
    return {
        "id": str(crisis.id),
        "state": seen.state.value,
        "scope": asked.scope.value,
        "values": list(asked.values),
        "starts_at": rfc3339(asked.starts_at),
        "ends_at": rfc3339(asked.ends_at),
        "reason": asked.reason,
        **_signed("proposed", crisis.proposed),
        **_signed("confirmed", crisis.confirmed),
        **_signed("withdrawn", crisis.withdrawn),
        "withdrawn_why": crisis.withdrawn_why,
    }


def _signed(act: str, signature: Signature | None) -> dict[str, str | None]:
    by, at = (signature.by, rfc3339(signature.at)) if signature else (None, None)
    return {f"{act}_by": by, f"{act}_at": at}


def _report(report: Report) -> dict[str, Any]:
    return {
        "crisis": _crisis(report.seen),
        "at": rfc3339(report.at),
        "issued": sum(one.count for one in report.issued),
        "printed": sum(one.printed for one in report.issued),
        "by_kind_and_status": [
            {"kind": one.kind, "status": one.status, "count": one.count, "printed": one.printed}
            for one in report.issued
        ],
    }

"""The pages of routing policies: what counts now and later; preparing, trying, publishing and taking back a draft.

What belongs here: from forms to the engine and back to the pages. What does not: the rules (``core``), words for values
(``policies_told``).
"""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from esoz_notify.console import menu
from esoz_notify.console import policies_told as told
from esoz_notify.console.drawing import page
from esoz_notify.console.operating import actor, demand_runs, runs
from esoz_notify.console.told import channel_name, moment
from esoz_notify.console.visit import Visit, field, language, room, see, sentence, status_of
from esoz_notify.console.words import WORDS
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import Conflict, InvalidInput, NotFound, Problem
from esoz_notify.core.kinds import PolicyColumn
from esoz_notify.core.policy import Policy
from esoz_notify.core.policy_draft import DraftState, base_of, base_on, earliest_day
from esoz_notify.core.policy_proposal import AHEAD_MAX_DAYS, ROWS, BadDraft, Typed
from esoz_notify.engine.policies import Seen, Shelf

_PATH = "/policies"


@get(_PATH)
async def show_policies(request: Visit) -> Response[bytes]:
    """Every policy as a card: in force, coming, drafts, past."""
    menu.demand(request.user.person, _PATH)
    here, lang = room(request), language(request)
    shelf = await here.policies.shelf()
    parts = told.cards(shelf, here.policies.configured, lang)
    return _draw(request, "policies", 200, parts=parts)


@get("/policies/new")
async def new_policy(request: Visit) -> Response[bytes]:
    """The form, filled in from the policy in force, or from the one whose version is asked for."""
    demand_runs(request, _PATH)
    shelf = await room(request).policies.shelf()
    like = _like(shelf, request.query_params.get("like", ""))
    rows = _rows(like)
    first = earliest_day(shelf.at)
    typed = Typed(version=_free_version(first, shelf), from_date=first.isoformat(), reason="", rows=rows)
    return _form(request, shelf, typed)


@post("/policies/new")
async def save_policy(request: Visit) -> Response[bytes]:
    """Check a draft and save it; what breaks a rule is told beside what was typed."""
    demand_runs(request, _PATH)
    typed = Typed(
        version=await field(request, "version"),
        from_date=await field(request, "from"),
        reason=await field(request, "reason"),
        rows={column: [await _row(request, column, place) for place in range(ROWS)] for column in PolicyColumn},
    )
    try:
        draft = await room(request).policies.draft(typed, actor=actor(request))
    except BadDraft as error:
        return _form(request, await room(request).policies.shelf(), typed, error)
    return see(f"{_PATH}/{draft.id}")


@get("/policies/{draft_id:uuid}")
async def show_policy(request: Visit, draft_id: FromPath[UUID]) -> Response[bytes]:
    """One policy of the ledger: what it changes, who did what, and what may be done with it."""
    menu.demand(request.user.person, _PATH)
    return await _one(request, draft_id)


@get("/policies/{draft_id:uuid}/trial")
async def try_policy(request: Visit, draft_id: FromPath[UUID]) -> Response[bytes]:
    """What a policy would have done to the notifications of the last day."""
    menu.demand(request.user.person, _PATH)
    here, lang = room(request), language(request)
    seen = _found(await here.policies.shelf(), draft_id)
    report = await here.policy_trials.attempt(seen.draft.policy)
    found = [told.trial(one, WORDS[lang], lang) for one in report.trials]
    based = told.based(report.count, moment(report.at, lang), lang)
    return _draw(request, "policy_trial", 200, draft=seen.draft, found=found, based=based)


@post("/policies/{draft_id:uuid}/publish")
async def publish_policy(request: Visit, draft_id: FromPath[UUID]) -> Response[bytes]:
    """Publish what another person prepared."""
    demand_runs(request, _PATH)
    try:
        if await field(request, "checked") != "yes":
            raise InvalidInput([Problem("/policy_tick", "required", "say that all was checked")])
        base = await field(request, "compared_with")
        await room(request).policies.publish(draft_id, actor=actor(request), compared_with=base)
    except (InvalidInput, Conflict) as error:
        return await _one(request, draft_id, status_of(error), alert=sentence(request, error))
    return see(f"{_PATH}/{draft_id}")


@post("/policies/{draft_id:uuid}/withdraw")
async def withdraw_policy(request: Visit, draft_id: FromPath[UUID]) -> Response[bytes]:
    """Take back a draft or a coming policy, with a reason."""
    demand_runs(request, _PATH)
    why = await field(request, "why")
    try:
        await room(request).policies.withdraw(draft_id, actor=actor(request), why=why)
    except BadDraft as error:
        flaw = error.flaws[0].said
        return await _one(request, draft_id, 422, alert=flaw.en if language(request) == "en" else flaw.uk, why=why)
    except Conflict as error:
        return await _one(request, draft_id, status_of(error), alert=sentence(request, error))
    return see(f"{_PATH}/{draft_id}")


HANDLERS = (show_policies, new_policy, save_policy, show_policy, try_policy, publish_policy, withdraw_policy)


# --- drawing ----------------------------------------------------------------------------------------------------------


async def _one(request: Visit, draft_id: UUID, status: int = 200, *, alert: str = "", why: str = "") -> Response[bytes]:
    here, lang = room(request), language(request)
    shelf = await here.policies.shelf()
    seen = _found(shelf, draft_id)
    base = base_of(seen.draft, shelf.policies)
    ahead = seen.draft.policy.from_date >= earliest_day(shelf.at)
    return _draw(
        request,
        "policy",
        status,
        card=told.card(seen, shelf.policies, here.policies.configured, lang),
        base=base,
        differences=told.differences(base, seen.draft.policy, lang) if base is not None else [],
        may_publish=ahead and seen.state is DraftState.DRAFT,
        may_withdraw=ahead and seen.state in {DraftState.DRAFT, DraftState.COMING},
        is_mine=seen.draft.proposed.by == request.user.person.login,
        alert=alert,
        why=why,
    )


def _form(request: Visit, shelf: Shelf, typed: Typed, error: BadDraft | None = None) -> Response[bytes]:
    lang = language(request)
    flaws: dict[str, list[str]] = {}
    for flaw in error.flaws if error else ():
        flaws.setdefault(flaw.place, []).append(flaw.said.en if lang == "en" else flaw.said.uk)
    first = earliest_day(shelf.at)
    return _draw(
        request,
        "policy_new",
        422 if error else 200,
        typed=typed,
        flaws=flaws,
        first=first,
        last=first.fromordinal(first.toordinal() + AHEAD_MAX_DAYS),
        columns=[(column.value, told.column_name(column, lang)) for column in PolicyColumn],
        channels=[(one.value, channel_name(one, lang)) for one in Channel],
        places=range(ROWS),
    )


def _draw(request: Visit, template: str, status: int, **values: object) -> Response[bytes]:
    person, lang = request.user.person, language(request)
    shared: dict[str, object] = {
        "session": request.user,
        "path": request.url.path if request.method == "GET" else _path_of_form(request),
        "banner": room(request).desk.banner(),
        "acts": runs(person),
    }
    return page(template, lang, status, **shared, **values)


def _path_of_form(request: Visit) -> str:
    """Where the page is on which a form was refused: the language may be changed there."""
    return request.url.path.removesuffix("/publish").removesuffix("/withdraw")


# --- reading ----------------------------------------------------------------------------------------------------------


async def _row(request: Visit, column: PolicyColumn, place: int) -> tuple[str, str]:
    channel = await field(request, f"{column}_{place}_channel")
    return channel.strip(), (await field(request, f"{column}_{place}_window")).strip()


def _like(shelf: Shelf, version: str) -> Policy | None:
    """The policy that a new one starts from: the one asked for, or the one in force."""
    known = (*shelf.policies.all, *(one.draft.policy for one in shelf.drafts))
    return next((one for one in known if one.version == version), base_on(shelf.today, shelf.policies))


def _rows(like: Policy | None) -> Mapping[PolicyColumn, list[tuple[str, str]]]:
    rows: dict[PolicyColumn, list[tuple[str, str]]] = {}
    for column in PolicyColumn:
        steps = like.routes[column] if like is not None else ()
        typed = [(step.channel.value, f"{step.window_s:g}" if step.window_s is not None else "") for step in steps]
        rows[column] = typed + [("", "")] * (ROWS - len(typed))
    return rows


def _free_version(day: date, shelf: Shelf) -> str:
    used = {one.version for one in shelf.policies.all} | {one.draft.policy.version for one in shelf.drafts}
    names = (day.isoformat(), *(f"{day.isoformat()}-{number}" for number in range(2, len(used) + 3)))
    return next(name for name in names if name not in used)


def _found(shelf: Shelf, draft_id: UUID) -> Seen:
    """A draft of the shelf. Raises NotFound."""
    found = next((one for one in shelf.drafts if one.draft.id == draft_id), None)
    if found is None:
        raise NotFound("no draft of a policy of that id", code="policy_unknown")
    return found

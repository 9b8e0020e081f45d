"""The state of one delivery, the facts that change it, and how: ``evolve`` is the only way a delivery changes.

What belongs here: the values and the fold. What does not: which fact follows from what happened (``cascade``). The
history of a notification is its facts in order, so replaying them gives the stored state by construction.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from esoz_notify.core.channel import GUARANTEED, Channel, Step
from esoz_notify.core.limits import LEASE_S, RETRY_CODE_MAX_S, RETRY_MAX_S
from esoz_notify.core.parts import judge
from esoz_notify.core.receipts import NEGATIVE, PartState, Reason, ReceiptState
from esoz_notify.core.results import Recovery
from esoz_notify.core.status import LIVE, Outcome, Status, is_terminal


class Because(StrEnum):
    """Why the cascade took a decision; the value is the text in the history and in the API."""

    FIRST_STEP = "first_step"
    WINDOW_ENDED = "window_ended"
    REFUSED = "refused"
    OTHER_PROVIDER = "other_provider"
    RETRY = "retry"
    REPEAT_SAME_KEY = "repeat_same_key"
    REPEAT_AFTER_UNKNOWN = "repeat_after_unknown"
    RESEND = "resend"
    NO_PROVIDER = "no_provider"
    PROVIDER_DOWN = "provider_down"
    REMEMBERED = "remembered"
    LIFE_TOO_SHORT = "life_too_short"
    PROOF = "proof"
    LATE_PROOF = "late_proof"
    NO_WAY_LEFT = "no_way_left"
    VALIDITY_ENDED = "validity_ended"
    CALLER = "caller"
    OPERATOR = "operator"
    FETCHED_FOR_PRINT = "fetched_for_print"


class Attempt(Struct, frozen=True, kw_only=True):
    """One try by one provider. ``parts``: what receipts said of each part; ``calls``: submissions under its key."""

    no: int
    step: int
    channel: Channel
    provider: str
    recovery: Recovery
    outcome: Outcome
    started_at: datetime
    called_at: datetime
    calls: int = 1
    reason: Reason | None = None
    detail: str = ""
    submitted_at: datetime | None = None
    ended_at: datetime | None = None
    parts: tuple[PartState, ...] = ()


class Delivery(Struct, frozen=True, kw_only=True):
    """What is true of one notification's way to its person.

    ``step``: index into ``steps`` of the step being tried, 0 before the first. ``step_ends_at``: when its window ends;
    None on the guaranteed step. ``retry_at``: when to try again what failed or is unknown. ``has_code``: the content
    holds a code that must be erased when the validity is over. ``is_code``: it is a code, so pauses are short.
    """

    status: Status
    steps: tuple[Step, ...]
    accepted_at: datetime
    valid_until: datetime
    has_code: bool = False
    is_code: bool = False
    step: int = 0
    step_ends_at: datetime | None = None
    retry_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    resent_at: tuple[datetime, ...] = ()
    reason: Reason | None = None
    ended_at: datetime | None = None
    erased: bool = False

    @property
    def current(self) -> Attempt | None:
        """The attempt that the cascade is waiting on, if any: only the last, only on the step being tried."""
        last = self.attempts[-1] if self.attempts else None
        if last is None or last.step != self.step or last.outcome not in LIVE or self.status is not Status.IN_DELIVERY:
            return None
        return None if self.resend_is_waiting else last

    @property
    def resend_is_waiting(self) -> bool:
        """Whether the caller asked for a resend and no attempt has been started since."""
        if not self.resent_at:
            return False
        return not self.attempts or self.attempts[-1].started_at < self.resent_at[-1]

    @property
    def resend_step(self) -> int:
        """The step that a resend asked for now goes by: the next one, or the last again."""
        return min(self.step + 1, len(self.steps) - 1)

    @property
    def on_guaranteed_step(self) -> bool:
        """Whether the step being tried is the one that goes on until the validity ends."""
        return self.steps[self.step].channel in GUARANTEED

    @property
    def pause_max_s(self) -> float:
        """The longest pause between tries of the guaranteed channel."""
        return RETRY_CODE_MAX_S if self.is_code else RETRY_MAX_S


class AttemptStarted(Struct, frozen=True, kw_only=True):
    """A new attempt is about to be submitted. ``step_ends_at``: end of the step's window, None when it has none."""

    at: datetime
    no: int
    step: int
    channel: Channel
    provider: str
    recovery: Recovery
    because: Because
    step_ends_at: datetime | None


class AttemptRepeated(Struct, frozen=True, kw_only=True):
    """The same attempt is submitted again under the same key, because its outcome is unknown."""

    at: datetime
    no: int
    because: Because = Because.REPEAT_SAME_KEY


class AttemptAccepted(Struct, frozen=True, kw_only=True):
    """The provider took the message, in so many parts."""

    at: datetime
    no: int
    part_count: int


class AttemptFailed(Struct, frozen=True, kw_only=True):
    """The provider refused the message, or did not take it now."""

    at: datetime
    no: int
    reason: Reason
    detail: str = ""


class AttemptUnknown(Struct, frozen=True, kw_only=True):
    """Nobody knows whether the provider has the message."""

    at: datetime
    no: int
    reason: Reason
    detail: str = ""


class PartReported(Struct, frozen=True, kw_only=True):
    """A receipt about one part of an attempt. ``at``: when we took it in."""

    at: datetime
    no: int
    part: int
    state: ReceiptState
    reason: Reason | None = None
    detail: str = ""


class RetryPlanned(Struct, frozen=True, kw_only=True):
    """Nothing more is done before ``retry_at``."""

    at: datetime
    retry_at: datetime
    because: Because
    reason: Reason | None = None


class StepEnded(Struct, frozen=True, kw_only=True):
    """A step is over without proof; says why the next one follows."""

    at: datetime
    step: int
    channel: Channel
    because: Because
    reason: Reason | None = None


class StepWaits(Struct, frozen=True, kw_only=True):
    """A step begins, or goes on, while none of its providers can be used; at ``retry_at`` they are looked at again."""

    at: datetime
    step: int
    channel: Channel
    step_ends_at: datetime
    retry_at: datetime
    because: Because = Because.PROVIDER_DOWN


class PaperAsked(Struct, frozen=True, kw_only=True):
    """The route has come to paper: the doctor is asked to print the summary."""

    at: datetime
    step: int
    because: Because


class Ended(Struct, frozen=True, kw_only=True):
    """The notification reached a terminal status, or a late proof corrected one."""

    at: datetime
    status: Status
    because: Because
    reason: Reason | None = None


class Resent(Struct, frozen=True, kw_only=True):
    """The caller asked for the message once more, by the way at ``step``."""

    at: datetime
    step: int
    because: Because = Because.RESEND


class Erased(Struct, frozen=True, kw_only=True):
    """The code in the content was erased."""

    at: datetime
    because: Because = Because.VALIDITY_ENDED


Fact = (
    AttemptStarted
    | AttemptRepeated
    | AttemptAccepted
    | AttemptFailed
    | AttemptUnknown
    | PartReported
    | RetryPlanned
    | StepEnded
    | StepWaits
    | PaperAsked
    | Ended
    | Resent
    | Erased
)


def evolve(state: Delivery, fact: Fact) -> Delivery:
    """Fold one fact into the state. Pure and total: any fact of this notification's own history fits."""
    match fact:
        case AttemptStarted():
            return _start(state, fact)
        case AttemptRepeated(at=at, no=no):
            return _change(state, no, outcome=Outcome.SUBMITTING, called_at=at, add_call=True)
        case AttemptAccepted():
            return _accept(state, fact)
        case AttemptFailed() | AttemptUnknown():
            return _conclude(state, fact)
        case PartReported():
            return _report(state, fact)
        case RetryPlanned(retry_at=retry_at):
            return replace(state, retry_at=retry_at)
        case StepEnded(step=step):
            return replace(state, step=step + 1, step_ends_at=None, retry_at=None)
        case StepWaits(step=step, step_ends_at=step_ends_at, retry_at=retry_at):
            return replace(state, step=step, step_ends_at=step_ends_at, retry_at=retry_at)
        case PaperAsked(step=step):
            return replace(state, status=Status.PRINT_REQUIRED, step=step, step_ends_at=None, retry_at=None)
        case Ended(at=at, status=status, reason=reason):
            return replace(state, status=status, reason=reason, ended_at=at, retry_at=None)
        case Resent(at=at, step=step):
            return replace(
                state,
                status=Status.IN_DELIVERY,
                step=step,
                step_ends_at=None,
                retry_at=at,
                resent_at=(*state.resent_at, at),
                ended_at=None,
                reason=None,
            )
        case erased:
            return _erase(state, erased)


def _erase(state: Delivery, _: Erased) -> Delivery:
    return replace(state, erased=True)


def due_at(state: Delivery) -> datetime | None:
    """When somebody must look at this delivery again if nothing happens before; None: never.

    This is the agenda: the ledger stores it beside the state. A worker that died leaves it behind, which is the lease.
    """
    if is_terminal(state.status):
        erase = [state.valid_until] if state.has_code and not state.erased else []
        return min((*_leases(state), *erase), default=None)
    return min(_next_look(state), state.valid_until)


def lease_ends_at(attempt: Attempt) -> datetime:
    """When a submitting attempt may be taken over, unless its worker renews the lease in the ledger."""
    return attempt.called_at + timedelta(seconds=LEASE_S)


def _leases(state: Delivery) -> list[datetime]:
    return [lease_ends_at(attempt) for attempt in state.attempts if attempt.outcome is Outcome.SUBMITTING]


def _next_look(state: Delivery) -> datetime:
    if state.status is Status.ACCEPTED:
        return state.retry_at or state.accepted_at
    last = state.current
    moments = [state.step_ends_at, *_leases(state)]
    if last is None or last.outcome is Outcome.UNKNOWN:
        moments.append(state.retry_at)
    return min((moment for moment in moments if moment is not None), default=state.valid_until)


def _start(state: Delivery, fact: AttemptStarted) -> Delivery:
    attempt = Attempt(
        no=fact.no,
        step=fact.step,
        channel=fact.channel,
        provider=fact.provider,
        recovery=fact.recovery,
        outcome=Outcome.SUBMITTING,
        started_at=fact.at,
        called_at=fact.at,
    )
    return replace(
        state,
        status=Status.IN_DELIVERY,
        step=fact.step,
        step_ends_at=fact.step_ends_at,
        retry_at=None,
        attempts=(*state.attempts, attempt),
    )


def _accept(state: Delivery, fact: AttemptAccepted) -> Delivery:
    attempt = state.attempts[fact.no]
    known = attempt.parts + (PartState(),) * (fact.part_count - len(attempt.parts))
    parts = tuple(part.merge(PartState(ReceiptState.ACCEPTED)) for part in known)
    outcome, reason = judge(parts, attempt.outcome, attempt.reason, refused=_was_refused(attempt))
    ended_at = attempt.ended_at if outcome not in LIVE else None
    changed = replace(attempt, parts=parts, outcome=outcome, reason=reason, submitted_at=fact.at, ended_at=ended_at)
    return _with_attempt(replace(state, retry_at=None) if attempt is state.current else state, changed)


def _conclude(state: Delivery, fact: AttemptFailed | AttemptUnknown) -> Delivery:
    attempt = state.attempts[fact.no]
    if attempt.outcome is not Outcome.SUBMITTING and not (
        attempt.outcome is Outcome.UNKNOWN and isinstance(fact, AttemptFailed)
    ):
        return state  # a receipt was faster than the reply, and receipts know better
    failed = isinstance(fact, AttemptFailed)
    outcome = Outcome.FAILED if failed else Outcome.UNKNOWN
    ended_at = fact.at if failed else None
    return _with_attempt(
        state, replace(attempt, outcome=outcome, reason=fact.reason, detail=fact.detail, ended_at=ended_at)
    )


def _report(state: Delivery, fact: PartReported) -> Delivery:
    attempt = state.attempts[fact.no]
    known = list(attempt.parts + (PartState(),) * (fact.part + 1 - len(attempt.parts)))
    known[fact.part] = known[fact.part].merge(PartState(fact.state, fact.reason))
    parts = tuple(known)
    outcome, reason = judge(parts, attempt.outcome, attempt.reason, refused=_was_refused(attempt))
    final = outcome not in LIVE
    changed = replace(
        attempt,
        parts=parts,
        outcome=outcome,
        reason=reason,
        detail=fact.detail or attempt.detail,
        ended_at=(attempt.ended_at or fact.at) if final else None,
    )
    return _with_attempt(state, changed)


def _was_refused(attempt: Attempt) -> bool:
    """Whether its failure is the provider's own answer, and not what receipts said of a part."""
    return attempt.outcome is Outcome.FAILED and not any(part.state in NEGATIVE for part in attempt.parts)


def _change(state: Delivery, no: int, *, outcome: Outcome, called_at: datetime, add_call: bool) -> Delivery:
    attempt = state.attempts[no]
    changed = replace(attempt, outcome=outcome, called_at=called_at, calls=attempt.calls + add_call, reason=None)
    return _with_attempt(replace(state, retry_at=None), changed)


def _with_attempt(state: Delivery, attempt: Attempt) -> Delivery:
    attempts = (*state.attempts[: attempt.no], attempt, *state.attempts[attempt.no + 1 :])
    return replace(state, attempts=attempts)

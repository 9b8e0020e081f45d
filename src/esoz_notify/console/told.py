"""One notification in the words of the doctor's page: how the patient is informed, and whether it arrived.

What belongs here: choosing words for a state. What does not: what a state means (``core``), labels that every medium
shares (``render.labels``), the fixed words of the page (``words``).
"""

from dataclasses import dataclass
from datetime import datetime

from esoz_notify.core.channel import Channel
from esoz_notify.core.crisis import CrisisState
from esoz_notify.core.delivery import Attempt, Delivery
from esoz_notify.core.kinds import KINDS
from esoz_notify.core.kyiv import KYIV
from esoz_notify.core.status import PROOFS, STATUSES, Outcome, Status, StatusMeaning
from esoz_notify.engine.crises import Seen
from esoz_notify.engine.desk import Card
from esoz_notify.render.decisions import CHANNEL_NAMES
from esoz_notify.render.labels import OUTCOME_LABELS, REASON_LABELS, STATUS_LABELS, Colour

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400
_NO_PHONE = frozenset({"own_documents", "third_person_documents", "guardian_documents"})


@dataclass(frozen=True, slots=True)
class Told:
    """How and whether the patient knows. ``note``: a sentence more, or none."""

    text: str
    note: str
    colour: Colour


def told(card: Card, language: str) -> Told:
    """The sentence that a doctor reads first, such as "Viber, доставлено 3 с тому"."""
    state = card.stored.state
    label = STATUS_LABELS[state.status]
    words = label.words(language)
    note = words.explanation
    if state.reason is not None and state.status is Status.UNDELIVERED:
        why = REASON_LABELS[state.reason].words(language)
        note = f"{why.label}. {why.explanation}"
    return Told(_text(card, language) or words.label, note, label.colour)


def _text(card: Card, language: str) -> str | None:
    """None: the label of the status says it all."""
    state = card.stored.state
    match state.status:
        case Status.PRINT_REQUIRED if card.stored.recipient["why"]["code"] in _NO_PHONE:
            return _choose(language, "Немає телефону: надрукуйте", "No phone: print")
        case Status.PRINTED if state.ended_at is not None:
            return f"{_choose(language, 'Надруковано', 'Printed')} {ago(state.ended_at, card.now, language)}"
        case Status.DELIVERED:
            proof = _proof(state)
            return _tried(proof, card.now, language) if proof else None
        case Status.UNDELIVERED if card.prints:
            paper = ago(card.prints[-1].at, card.now, language)
            text = "Не доставлено; надруковано", "Undelivered; printed"
            return f"{_choose(language, *text)} {paper}"
        case Status.UNDELIVERED:
            return _choose(language, "Не доставлено: надрукуйте", "Undelivered: print")
        case Status.IN_DELIVERY:
            return _under_way(state, card.now, language)
    return None


def _proof(state: Delivery) -> Attempt | None:
    """The last attempt that is proved to have arrived: after a resend the newest counts."""
    proved = [one for one in state.attempts if one.outcome in PROOFS]
    return proved[-1] if proved else None


def _under_way(state: Delivery, now: datetime, language: str) -> str:
    current = state.current
    if current is None:
        channel = channel_name(_next_channel(state), language)
        return _choose(language, f"{channel}: зараз надішлемо", f"{channel}: about to be sent")
    waiting = _choose(language, "чекаємо на підтвердження", "waiting for a receipt")
    return f"{_tried(current, now, language)}, {waiting}"


def _next_channel(state: Delivery) -> Channel:
    return state.steps[state.step].channel


def _tried(one: Attempt, now: datetime, language: str) -> str:
    outcome = OUTCOME_LABELS[one.outcome].words(language).label.lower()
    return f"{channel_name(one.channel, language)}, {outcome} {ago(_at(one), now, language)}"


def _at(one: Attempt) -> datetime:
    if one.outcome is Outcome.SUBMITTED and one.submitted_at is not None:
        return one.submitted_at
    return one.ended_at or one.called_at


def story(card: Card, language: str) -> list[dict[str, str]]:
    """What was tried, the newest first."""
    lines = []
    for one in reversed(card.stored.state.attempts):
        outcome = OUTCOME_LABELS[one.outcome]
        why = REASON_LABELS[one.reason].words(language) if one.reason else None
        lines.append(
            {
                "channel": channel_name(one.channel, language),
                "outcome": outcome.words(language).label,
                "colour": outcome.colour,
                "note": f"{why.label}. {why.explanation}" if why else outcome.words(language).explanation,
                "ago": ago(_at(one), card.now, language),
                "at": _at(one).isoformat(),
            }
        )
    return lines


def title(card: Card, language: str) -> str:
    """What the notification is about."""
    kind = KINDS[card.stored.kind]
    return _choose(language, kind.title_uk, kind.title_en)


def meaning_of(card: Card) -> StatusMeaning:
    """What its status offers."""
    return STATUSES[card.stored.state.status]


def is_live(card: Card) -> bool:
    """Whether something may still change by itself, so that the page should look again."""
    return not meaning_of(card).terminal


def ways(card: Card, language: str) -> str:
    """The channels of the route in order."""
    return " → ".join(channel_name(step.channel, language) for step in card.stored.state.steps)


def next_way(card: Card, language: str) -> str:
    """The channel that a resend goes by."""
    state = card.stored.state
    return channel_name(state.steps[state.resend_step].channel, language)


def channel_name(channel: Channel, language: str) -> str:
    """A channel as people call it."""
    return _choose(language, *CHANNEL_NAMES[channel.value])


def crisis_colour(one: Seen) -> str:
    """The colour of where a crisis switch is."""
    return {CrisisState.IN_FORCE: "red", CrisisState.PROPOSED: "amber", CrisisState.COMING: "blue"}.get(
        one.state, "grey"
    )


def ago(at: datetime, now: datetime, language: str) -> str:
    """How long ago, in one unit; from a day on, when (in Kyiv)."""
    seconds = max(0, int((now - at).total_seconds()))
    if seconds >= _DAY_S:
        return moment(at, language)
    for unit_s, uk, en in ((_HOUR_S, "год тому", "h ago"), (_MINUTE_S, "хв тому", "min ago"), (1, "с тому", "s ago")):
        if seconds >= unit_s:
            return f"{seconds // unit_s} {_choose(language, uk, en)}"
    return _choose(language, "щойно", "just now")


def clock(at: datetime, language: str) -> str:
    """A time of today in Kyiv."""
    return f"{at.astimezone(KYIV):%H:%M:%S}" + ("" if language == "en" else " за Києвом")


def hour_and_minute(at: datetime) -> str:
    """The same, to the minute and without the zone, for scales."""
    return f"{at.astimezone(KYIV):%H:%M}"


def moment(at: datetime, language: str) -> str:
    """A time in Kyiv."""
    return f"{at.astimezone(KYIV):%d.%m.%Y} {_choose(language, 'о', 'at')} {at.astimezone(KYIV):%H:%M}"


def _choose(language: str, uk: str, en: str) -> str:
    return en if language == "en" else uk

"""One line for every decision in a notification's history, in Ukrainian and English.

What belongs here: words for facts and for why they were decided. What does not: the decisions (``core.cascade``) and
words for statuses, outcomes and reasons (``labels``).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from esoz_notify.core.delivery import Because
from esoz_notify.core.kyiv import KYIV
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.status import Status
from esoz_notify.render.labels import REASON_LABELS, STATUS_LABELS

CHANNEL_NAMES: Mapping[str, tuple[str, str]] = {
    "diia": ("Дія", "Diia"),
    "viber": ("Viber", "Viber"),
    "sms": ("SMS", "SMS"),
    "print": ("друк", "print"),
}
"""Names of the channels in Ukrainian and in English."""

BECAUSE: Mapping[Because, tuple[str, str]] = {
    Because.FIRST_STEP: ("перший крок маршруту", "the first step of the route"),
    Because.WINDOW_ENDED: ("підтвердження не надійшло за відведений час", "no proof came within the window"),
    Because.REFUSED: ("у цьому каналі не вийшло", "the channel did not deliver"),
    Because.OTHER_PROVIDER: ("інший оператор того самого каналу", "another provider of the same channel"),
    Because.RETRY: ("ще одна спроба", "another try"),
    Because.REPEAT_SAME_KEY: ("повтор під тим самим ключем не подвоює", "a repeat under the same key cannot double"),
    Because.REPEAT_AFTER_UNKNOWN: ("результат лишився невідомим", "the outcome stayed unknown"),
    Because.RESEND: ("попросили надіслати ще раз", "it was asked for once more"),
    Because.NO_PROVIDER: ("жоден оператор каналу зараз не працює", "no provider of the channel is up"),
    Because.PROVIDER_DOWN: ("оператори каналу зараз не відповідають", "the channel's providers are down now"),
    Because.REMEMBERED: ("нещодавно людини в цьому каналі не було", "lately this person was not on the channel"),
    Because.LIFE_TOO_SHORT: ("для цього каналу лишилося замало часу", "too little time is left for this channel"),
    Because.PROOF: ("є підтвердження доставки", "delivery is proved"),
    Because.LATE_PROOF: ("підтвердження доставки надійшло пізно", "delivery was proved late"),
    Because.NO_WAY_LEFT: ("інших шляхів немає", "there is no other way"),
    Because.VALIDITY_ENDED: ("строк дії минув", "the validity is over"),
    Because.CALLER: ("так вирішила система, що подала", "the caller asked for it"),
    Because.OPERATOR: ("так вирішив оператор сервісу", "an operator of the service decided so"),
    Because.FETCHED_FOR_PRINT: ("довідку отримано для друку", "the summary was fetched for print"),
}

RECEIPTS: Mapping[ReceiptState, tuple[str, str]] = {
    ReceiptState.UNKNOWN: ("невідомо", "unknown"),
    ReceiptState.ACCEPTED: ("прийнято", "accepted"),
    ReceiptState.SUBMITTED: ("передано далі", "passed on"),
    ReceiptState.EXPIRED: ("час вийшов", "expired"),
    ReceiptState.UNDELIVERABLE: ("не доставлено", "undeliverable"),
    ReceiptState.REJECTED: ("відхилено", "rejected"),
    ReceiptState.DELIVERED: ("доставлено", "delivered"),
    ReceiptState.SEEN: ("прочитано", "read"),
}

FACTS: Mapping[str, tuple[str, str]] = {
    "AttemptStarted": ("спроба {no}: {channel}, {provider}: {because}", "try {no}: {channel} by {provider}: {because}"),
    "AttemptRepeated": ("спроба {no}: повтор виклику; {because}", "try {no}: called again; {because}"),
    "AttemptAccepted": ("спроба {no}: оператор прийняв", "try {no}: the provider took it"),
    "AttemptFailed": ("спроба {no}: не вдалося: {reason}", "try {no}: failed: {reason}"),
    "AttemptUnknown": ("спроба {no}: невідомо, чи прийнято: {reason}", "try {no}: unknown whether taken: {reason}"),
    "PartReported": ("спроба {no}: квитанція: {state}{reason_if_any}", "try {no}: receipt: {state}{reason_if_any}"),
    "RetryPlanned": ("далі о {retry_at}: {because}{reason_if_any}", "next at {retry_at}: {because}{reason_if_any}"),
    "StepEnded": (
        "{channel}: крок завершено: {because}{reason_if_any}",
        "{channel}: step over: {because}{reason_if_any}",
    ),
    "StepWaits": ("{channel}: чекаємо до {retry_at}: {because}", "{channel}: waits until {retry_at}: {because}"),
    "PaperAsked": ("Далі — папір: надрукуйте довідку ({because})", "Paper is next: print the summary ({because})"),
    "Ended": ("{status}: {because}{reason_if_any}", "{status}: {because}{reason_if_any}"),
    "Resent": ("надіслати ще раз: {because}", "send again: {because}"),
    "Erased": ("код стерто: {because}", "the code was erased: {because}"),
}
"""Sentences by the fact's name, in Ukrainian and in English."""


def told(decision: Mapping[str, Any], language: str = "uk") -> str:
    """One decision of ``GET /v1/notifications/{id}`` as a line. A fact or word unknown here is shown as it is."""
    place = 1 if language == "en" else 0
    name = str(decision.get("fact"))
    sentence = FACTS.get(name)
    return sentence[place].format_map(_words(decision, place)) if sentence else name


def channel_name(channel: str, language: str = "uk") -> str:
    """What people call a channel."""
    names = CHANNEL_NAMES.get(channel)
    return names[1 if language == "en" else 0] if names else channel


def _words(decision: Mapping[str, Any], place: int) -> dict[str, str]:
    language = ("uk", "en")[place]
    words = {name: str(value) for name, value in decision.items()}
    words["no"] = str(int(decision.get("no", 0)) + 1)
    words["channel"] = channel_name(words.get("channel", ""), language)
    because, reason, state = words.get("because", ""), words.get("reason", ""), words.get("state", "")
    if because in list(Because):
        words["because"] = BECAUSE[Because(because)][place]
    if reason in list(Reason):
        words["reason"] = REASON_LABELS[Reason(reason)].words(language).label
    words.setdefault("reason", "")
    words["reason_if_any"] = f" ({words['reason']})" if words["reason"] else ""
    if state.upper() in ReceiptState.__members__:
        words["state"] = RECEIPTS[ReceiptState[state.upper()]][place]
    if words.get("status") in list(Status) and decision.get("fact") == "Ended":
        words["status"] = STATUS_LABELS[Status(words["status"])].words(language).label
    if "retry_at" in words:
        words["retry_at"] = f"{datetime.fromisoformat(words['retry_at']).astimezone(KYIV):%H:%M:%S}"
    return words

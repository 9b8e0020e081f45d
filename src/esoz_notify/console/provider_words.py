"""The words of providers' pages for what changed, why, and what a hold will do.

What belongs here: words chosen by what is so. What does not: the pages' fixed words (``words_providers``), shapes
(``provider_charts``).
"""

from collections.abc import Mapping

from esoz_notify.console.numerals import number
from esoz_notify.console.told import channel_name
from esoz_notify.core.breaker import Why
from esoz_notify.core.channel import GUARANTEED
from esoz_notify.core.probe import NOT_TAKEN, Judged
from esoz_notify.core.receipts import Reason
from esoz_notify.engine.provider_board import Noted, Sheet
from esoz_notify.render.labels import REASON_LABELS

PROVIDER_WORDS: Mapping[str, Mapping[str, str]] = {
    "uk": {
        "change_open": "Перестав працювати: нового не даємо",
        "change_half_open": "Пробуємо кількома повідомленнями",
        "change_closed": "Працює",
        "change_held": "Призупинила людина",
        "change_resumed": "Відновила людина",
        "change_slow": "Квитанції запізнюються",
        "change_slow_over": "Квитанції знову вчасні",
        "change_receipts_stopped": "Квитанції не надходять зовсім",
        "change_receipts_back": "Квитанції знову надходять",
        "why_start": "початок роботи",
        "why_failures_in_row": "кілька невдач поспіль",
        "why_failure_share": "невдалою була половина викликів за 10 с",
        "why_cooled_down": "перерву вичекано",
        "why_probe_failed": "пробне повідомлення не вдалося",
        "why_probes_passed": "пробні повідомлення вдалися",
        "why_relapse": "знову невдача невдовзі після відновлення",
        "why_slow": "багато квитанцій прийшло пізно",
        "why_slow_over": "квитанції приходять вчасно",
        "why_receipts_stopped": "жодної квитанції за відведений час",
        "why_receipts_back": "квитанція прийшла",
        "hold_others": "Нові повідомлення підуть через {others}.",
        "hold_last": "Це останній робочий провайдер каналу {channel}. Коди одразу підуть наступним каналом, документи"
        " чекатимуть свого вікна, а потім теж підуть далі.",
        "hold_last_guaranteed": "Це останній робочий провайдер каналу {channel}, а за ним іншого каналу немає:"
        " нові повідомлення чекатимуть, і коди встигнуть застаріти. Лікарям лишиться папір.",
        "state_for": "{state} — {duration}",
        "window": "Одночасно в роботі, з вікна одного процесу",
        "rate": "Частин SMS за секунду, за договором на один процес",
        "pace": "Викликів за хвилину; межі в налаштуваннях немає",
        "seconds": "{value} с",
        "ms": "{value} мс",
        "percent": "{value} %",
        "bar_good": "{at}: вдалих {good} з {calls} викликів",
        "bar_calls": "{at}: {calls} викликів за хвилину, «пізніше» {later}",
        "bar_receipts": "{at}: половина квитанцій за {median}, 95 % за {p95}",
        "chart_good": "Частка вдалих викликів: {value} за весь час.",
        "chart_calls": "Викликів за хвилину: найбільше {top}, у середньому {value}.",
        "chart_receipts": "Затримка квитанцій: половина за {median}, 95 % за {value}.",
        "note_good": "червоне — невдалі",
        "note_calls": "найбільше {top}, унизу — «пізніше»",
        "note_receipts": "унизу — половина, {median}",
        "probe_arrived": "Передано за {handed}, підтверджено за {receipt}",
        "probe_taken": "Передано за {handed}; підтверджує цей канал лише відкриття людиною",
        "probe_failed": "Не дійшла: {why}",
        "probe_not_sent": "ми самі не встигли її надіслати",
        "probe_not_taken": "провайдер її не взяв",
        "probe_no_receipt": "підтвердження не надійшло вчасно",
        "probe_none": "Ще не пробували",
        "probe_codes": "Код",
        "probe_documents": "Документ",
        "none": "—",
    },
    "en": {
        "change_open": "Stopped working: it gets nothing new",
        "change_half_open": "Being tried with a few messages",
        "change_closed": "Works",
        "change_held": "Held by a person",
        "change_resumed": "Resumed by a person",
        "change_slow": "Receipts come late",
        "change_slow_over": "Receipts come in time again",
        "change_receipts_stopped": "No receipts at all",
        "change_receipts_back": "Receipts come again",
        "why_start": "the beginning",
        "why_failures_in_row": "several failures in a row",
        "why_failure_share": "half of the calls of 10 s failed",
        "why_cooled_down": "the pause was waited for",
        "why_probe_failed": "a message that tried it failed",
        "why_probes_passed": "the messages that tried it went well",
        "why_relapse": "a failure soon after it had recovered",
        "why_slow": "many receipts came late",
        "why_slow_over": "receipts come in time",
        "why_receipts_stopped": "no receipt of any kind in time",
        "why_receipts_back": "a receipt has come",
        "hold_others": "New messages will go through {others}.",
        "hold_last": "It is the last working provider of {channel}. Codes go by the next channel at once; documents"
        " wait for the window of their step and then go on too.",
        "hold_last_guaranteed": "It is the last working provider of {channel}, and no channel comes after it: new"
        " messages will wait, and codes will grow too old. Doctors are left with paper.",
        "state_for": "{state} — {duration}",
        "window": "In hand at a time, of the window of one process",
        "rate": "Parts of SMS a second, by the contract for one process",
        "pace": "Calls a minute; the settings name no limit",
        "seconds": "{value} s",
        "ms": "{value} ms",
        "percent": "{value} %",
        "bar_good": "{at}: {good} good of {calls} calls",
        "bar_calls": "{at}: {calls} calls a minute, “later” {later}",
        "bar_receipts": "{at}: half of the receipts within {median}, 95 % within {p95}",
        "chart_good": "Share of good calls: {value} of all the time.",
        "chart_calls": "Calls a minute: {top} at most, {value} in the mean.",
        "chart_receipts": "Delay of receipts: half within {median}, 95 % within {value}.",
        "note_good": "red: failed",
        "note_calls": "{top} at most, below: “later”",
        "note_receipts": "below: half, {median}",
        "probe_arrived": "Handed over in {handed}, confirmed in {receipt}",
        "probe_taken": "Handed over in {handed}; this channel confirms only that a person opened it",
        "probe_failed": "Did not arrive: {why}",
        "probe_not_sent": "we did not send it in time ourselves",
        "probe_not_taken": "the provider did not take it",
        "probe_no_receipt": "no confirmation came in time",
        "probe_none": "Not tried yet",
        "probe_codes": "Code",
        "probe_documents": "Document",
        "none": "—",
    },
}


def because(noted: Noted, language: str) -> str:
    """Why something changed: a person's own words, or ours for a circuit's reasons."""
    words, change = PROVIDER_WORDS[language], noted.change
    if change.by is not None:
        return change.reason
    why, _, reason = change.reason.partition(": ")
    if why not in list(Why):
        return words[f"why_{change.change}"]
    if reason not in list(Reason):
        return words[f"why_{why}"]
    return f"{words[f'why_{why}']}: {REASON_LABELS[Reason(reason)].words(language).label.lower()}"


def consequence(sheet: Sheet, language: str) -> str:
    """What follows for new messages when the provider is held."""
    words, channel = PROVIDER_WORDS[language], sheet.standing.contract.channel
    if sheet.others:
        return words["hold_others"].format(others=", ".join(sheet.others))
    key = "hold_last_guaranteed" if channel in GUARANTEED else "hold_last"
    return words[key].format(channel=channel_name(channel, language))


def probe_told(judged: Judged, language: str) -> str:
    """What a probe came to."""
    words = PROVIDER_WORDS[language]
    if judged.ok and judged.receipt_s is None:
        return words["probe_taken"].format(handed=seconds(judged.handed_s, language))
    if judged.ok:
        handed, receipt = (seconds(one, language) for one in (judged.handed_s, judged.receipt_s))
        return words["probe_arrived"].format(handed=handed, receipt=receipt)
    reason = judged.reason or NOT_TAKEN
    known = REASON_LABELS[Reason(reason)].words(language).label.lower() if reason in list(Reason) else ""
    why = known or words[f"probe_{reason}"]
    return words["probe_failed"].format(why=why)


def seconds(value: float | None, language: str) -> str:
    """A time as people read it; what is under a second in thousandths of it."""
    words = PROVIDER_WORDS[language]
    if value is None:
        return words["none"]
    if value < 1:
        return words["ms"].format(value=f"{1000 * value:.0f}")
    return words["seconds"].format(value=number(value, language))


def duration(seconds: float, language: str) -> str:
    """How long, in its two largest units."""
    whole = int(seconds)
    units = ((86_400, "д", "d"), (3600, "год", "h"), (60, "хв", "min"), (1, "с", "s"))
    parts: list[str] = []
    for unit_s, uk, en in units:
        count, whole = divmod(whole, unit_s)
        if count or (unit_s == 1 and not parts):
            parts.append(f"{count} {en if language == 'en' else uk}")
    return " ".join(parts[:2])

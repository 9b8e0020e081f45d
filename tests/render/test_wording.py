"""The texts in force: what was published over the file's, at each moment, and channel by channel."""

from datetime import UTC, datetime, timedelta

from esoz_notify.core.channel import Channel
from esoz_notify.core.crisis import Signature
from esoz_notify.core.wording import IN_FORCE_AFTER, Version, ViberNote, ViberStep, Words
from esoz_notify.render.text_preview import usual, with_longest
from esoz_notify.render.texts import Rendered, Texts, builtin_texts
from esoz_notify.render.wording import Timeline, timeline, viber_ids, words_of

NAME = "referral_issued.uk"
OWN = builtin_texts().templates[NAME]
DATA = {"request_number": "0123-4567-89AB-CEIK"}
T0 = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
OTHER_VIBER = "Направлення створено.\nНомер: {request_number}\nПокажіть його лікареві."


def words(**more: object) -> Words:
    own = words_of(OWN)
    given = {name: getattr(own, name) for name in Words.__slots__}
    return Words(**{**given, **more})


def version(no: int, at: datetime | None, **more: object) -> Version:
    """Published at a moment, or a draft."""
    signed = Signature("taras", at) if at is not None else None
    written = Signature("olena", T0 - HOUR)
    return Version(template=NAME, no=no, words=words(**more), written=written, why="x", published=signed)


def note(no: int, at: datetime, step: ViberStep = ViberStep.APPROVED, template_id: str | None = "tpl-1") -> ViberNote:
    given = template_id if step is ViberStep.APPROVED else None
    return ViberNote(template=NAME, no=no, step=step, template_id=given, noted=Signature("olena", at))


def said(texts: Texts, channel: Channel) -> Rendered:
    return texts.message("referral_issued", channel, "uk", DATA)


def after(found: Timeline, moment: datetime) -> Texts:
    """The texts once everybody knows of what was published at a moment."""
    return found.at(moment + IN_FORCE_AFTER)


def test_a_version_is_in_force_from_its_moment_on() -> None:
    """Before it the file's words, from then on the newest published ones; a draft is never said."""
    first = version(1, T0, sms="Нове: {request_number}. Запишіться до лікаря")
    second = version(2, T0 + HOUR, sms="Ще: {request_number}. Запишіться до лікаря")
    found = timeline(builtin_texts(), [first, second, version(3, None, sms="Чернетка: {request_number}")], [])
    assert said(found.at(T0 + IN_FORCE_AFTER - timedelta(microseconds=1)), Channel.SMS).text.startswith("Ваше")
    assert said(after(found, T0), Channel.SMS).text.startswith("Нове: 0123-4567-89AB-CEIK.")
    assert said(after(found, T0), Channel.SMS).template == f"{NAME}@1"
    assert said(after(found, T0 + 2 * HOUR), Channel.SMS).text.startswith("Ще:")


def test_viber_keeps_what_it_approved() -> None:
    """A new body waits for its approval while SMS and Diia change; approved, it is said under its own id."""
    changed = version(
        1, T0, sms="Нове: {request_number}. Зайдіть", diia_full="Номер {request_number}.", viber=OTHER_VIBER
    )
    notes = [
        note(1, T0 + HOUR, ViberStep.SUBMITTED),
        note(1, T0 + 2 * HOUR),
        note(1, T0 + 3 * HOUR, ViberStep.REJECTED),
    ]
    found = timeline(builtin_texts(), [changed], notes)
    waiting, approved, taken_back = (after(found, T0 + hours * HOUR) for hours in (1, 2, 3))
    assert said(waiting, Channel.SMS).text.startswith("Нове:")
    assert said(waiting, Channel.DIIA).template == f"{NAME}@1"
    for texts in (waiting, taken_back):
        assert (said(texts, Channel.VIBER).template, texts.viber(NAME).viber) == (NAME, OWN.viber)
    assert said(approved, Channel.VIBER).template == f"{NAME}@1"
    assert said(approved, Channel.VIBER).text.startswith("Направлення створено.\nНомер: 0123")
    assert viber_ids(notes) == {f"{NAME}@1": "tpl-1"}


def test_what_a_channel_knows_needs_no_new_template() -> None:
    """Words that did not change keep the template they have; an earlier body is approved already."""
    versions = [
        version(1, T0, viber=OTHER_VIBER),
        version(2, T0 + HOUR, sms="Нове: {request_number}. Зайдіть"),
        version(3, T0 + 2 * HOUR, viber=OTHER_VIBER),
    ]
    found = timeline(builtin_texts(), versions, [note(1, T0)])
    templates = [said(after(found, T0 + hours * HOUR), Channel.VIBER).template for hours in (0, 1, 2)]
    assert templates == [f"{NAME}@1", NAME, f"{NAME}@1"]
    assert said(after(found, T0 + 2 * HOUR), Channel.DIIA).template == NAME


def test_a_draft_may_be_approved_first() -> None:
    """What was noted of a draft counts for whatever version brings the same body into force."""
    found = timeline(
        builtin_texts(), [version(1, None, viber=OTHER_VIBER), version(2, T0, viber=OTHER_VIBER)], [note(1, T0)]
    )
    assert said(after(found, T0), Channel.VIBER).template == f"{NAME}@1"


def test_what_breaks_a_rule_of_today_is_passed_over() -> None:
    """A release may have other rules than the one that a version was written under: then the file's is said."""
    spoilt = version(1, T0, sms="Без номера")
    unknown = Version(
        template="lost.uk", no=1, words=words(), written=Signature("a", T0), why="x", published=Signature("b", T0)
    )
    found = timeline(builtin_texts(), [spoilt, unknown], [])
    assert found.spoilt == (spoilt,)
    assert said(after(found, T0), Channel.SMS).template == NAME


def test_every_template_has_a_preview() -> None:
    """Filled with values of nobody, no brace is left, and the longest data take the parts that are allowed."""
    for template in builtin_texts().templates.values():
        for shown in (usual(template), with_longest(template)):
            assert "{" not in f"{shown.sms}{shown.viber}{shown.diia_full}"
            assert shown.counted.segment_count <= template.sms_segments
        assert with_longest(template).counted.unit_count >= usual(template).counted.unit_count

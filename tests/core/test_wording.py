"""Words that people write: two people, only the newest, in force a moment later, and what Viber has approved."""

from datetime import UTC, datetime, timedelta

import pytest

from esoz_notify.core.crisis import Signature
from esoz_notify.core.errors import Conflict, InvalidInput
from esoz_notify.core.wording import (
    IN_FORCE_AFTER,
    Version,
    ViberNote,
    ViberStanding,
    ViberStep,
    Words,
    latest_notes,
    publish,
    read_note,
    standing,
)

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
NAME = "referral_issued.uk"


def a_version(no: int = 1, viber: str = "другий текст") -> Version:
    words = Words(sms="sms", sms_segments=1, viber=viber, diia_title="t", diia_short="s", diia_full="f")
    return Version(template=NAME, no=no, words=words, written=Signature("olena", NOW), why="коротше")


def a_note(no: int, step: ViberStep, template_id: str | None = None) -> ViberNote:
    return ViberNote(template=NAME, no=no, step=step, template_id=template_id, noted=Signature("olena", NOW))


def test_another_person_publishes_the_newest() -> None:
    """A draft is never in force; published by another it is a moment later, and publishing again changes nothing."""
    draft = a_version()
    published = publish(draft, 1, "taras", LATER)
    assert (draft.in_force_from, published.in_force_from) == (None, LATER + IN_FORCE_AFTER)
    assert publish(published, 2, "ivan", LATER) is published


@pytest.mark.parametrize("who", ["olena", " Olena "])
def test_who_wrote_it_does_not_publish_it(who: str) -> None:
    """Whatever the spelling of the login."""
    with pytest.raises(Conflict) as refused:
        publish(a_version(), 1, who, LATER)
    assert refused.value.code == "text_needs_another_person"


def test_what_is_superseded_is_not_published() -> None:
    """Once something newer is written, the older draft would take it back unseen."""
    with pytest.raises(Conflict) as refused:
        publish(a_version(1), 2, "taras", LATER)
    assert refused.value.code == "text_superseded"


@pytest.mark.parametrize(
    ("document", "template_id", "why"),
    [
        ({"step": "submitted", "template_id": "ignored", "why": "ignored"}, None, None),
        ({"step": "approved", "template_id": " tpl-1 ", "why": "ignored"}, "tpl-1", None),
        ({"step": "rejected", "template_id": "ignored", "why": " реклама "}, None, "реклама"),
    ],
)
def test_a_step_has_what_belongs_to_it(document: dict[str, str], template_id: str | None, why: str | None) -> None:
    """Approval has the provider's id, rejection its reason, submission neither."""
    read = read_note(a_version(3), document, Signature("olena", NOW))
    assert (read.template, read.no, read.step) == (NAME, 3, document["step"])
    assert (read.template_id, read.why) == (template_id, why)


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({}, "/viber_step"),
        ({"step": "lost"}, "/viber_step"),
        ({"step": "approved"}, "/viber_template_id"),
        ({"step": "approved", "template_id": "two words"}, "/viber_template_id"),
        ({"step": "approved", "template_id": "x" * 101}, "/viber_template_id"),
        ({"step": "approved", "template_id": "x\x00y"}, "/viber_template_id"),
        ({"step": "rejected", "why": " "}, "/viber_why"),
        ({"step": "rejected", "why": "x" * 201}, "/viber_why"),
    ],
)
def test_a_step_without_what_belongs_to_it_is_refused(document: dict[str, str], pointer: str) -> None:
    """Each is told by its field."""
    with pytest.raises(InvalidInput) as refused:
        read_note(a_version(), document, Signature("olena", NOW))
    assert [one.pointer for one in refused.value.problems] == [pointer]


def test_a_body_is_approved_whichever_version_brought_it() -> None:
    """The last note of a body counts, also when a later version has the same body; other versions' notes do not."""
    versions = [a_version(1), a_version(2, "третій текст"), a_version(3)]
    notes = [a_note(1, ViberStep.SUBMITTED), a_note(2, ViberStep.REJECTED), a_note(1, ViberStep.APPROVED, "tpl-1")]
    latest = latest_notes(versions, [*notes, a_note(9, ViberStep.REJECTED)])
    bodies = ("перший текст", "другий текст", "третій текст", "четвертий текст")
    assert [standing(NAME, body, "перший текст", latest) for body in bodies] == [
        ViberStanding.NOT_NEEDED,
        ViberStanding.APPROVED,
        ViberStanding.REJECTED,
        ViberStanding.TO_SUBMIT,
    ]
    assert latest[NAME, "другий текст"].template_id == "tpl-1"

"""Words that people write for messages: versions, two people for each, and what Viber has approved of them.

What belongs here: who may publish what, from when on it is in force, which body Viber takes. What does not: the rules
that words must keep and the templates themselves (``render``), the SQL (store).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from esoz_notify.core.crisis import Signature, folded
from esoz_notify.core.errors import Conflict, InvalidInput, Problem

IN_FORCE_AFTER = timedelta(seconds=5)
"""What is published is in force so much later: by then every process knows of it, and all change at one moment."""
WHY_LENGTH_MAX = 200
SEGMENTS_MAX = 10
TEMPLATE_ID_LENGTH_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What one template says, by channel. ``sms_segments``: the parts its SMS may take with the longest data."""

    sms: str
    sms_segments: int
    viber: str
    diia_title: str
    diia_short: str
    diia_full: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """Words as somebody wrote them for a template; they never change. ``no`` counts from 1 for each template."""

    template: str
    no: int
    words: Words
    written: Signature
    why: str
    published: Signature | None = None

    @property
    def in_force_from(self) -> datetime | None:
        """From when on messages say it; None while it is a draft."""
        return self.published.at + IN_FORCE_AFTER if self.published else None


class ViberStep(StrEnum):
    """What the operator says of a body's way through Viber's moderation."""

    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"


class ViberStanding(StrEnum):
    """Where the Viber body of a version is. ``NOT_NEEDED``: it is the file's, which was registered at the setup."""

    NOT_NEEDED = "not_needed"
    TO_SUBMIT = "to_submit"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViberNote:
    """One step of one body. ``template_id``: the provider's, of an approved one. ``why``: of a rejected one."""

    template: str
    no: int
    step: ViberStep
    template_id: str | None = None
    why: str | None = None
    noted: Signature


def publish(version: Version, newest_no: int, who: str, now: datetime) -> Version:
    """The version published by ``who``; published already it stays as it is.

    Raises Conflict: for who wrote it, and when something newer has been written since.
    """
    if folded(who) == folded(version.written.by):
        raise Conflict("must be published by somebody else than who wrote it", code="text_needs_another_person")
    if version.published is not None:
        return version
    if version.no != newest_no:
        raise Conflict("a newer version has been written since; publish that one", code="text_superseded")
    return replace(version, published=Signature(who, now))


def read_note(version: Version, document: Mapping[str, str], signature: Signature) -> ViberNote:
    """A step that a form tells of. Raises InvalidInput."""
    step, template_id, why = (" ".join(document.get(name, "").split()) for name in ("step", "template_id", "why"))
    problems = []
    if step not in {one.value for one in ViberStep}:
        problems.append(Problem("/viber_step", "unknown", f"must be one of: {', '.join(ViberStep)}"))
    wants_id, wants_why = step == ViberStep.APPROVED, step == ViberStep.REJECTED
    is_id = len(template_id) <= TEMPLATE_ID_LENGTH_MAX and template_id.isprintable() and len(template_id.split()) == 1
    if wants_id and not is_id:
        rule = f"must be the provider's id, 1 to {TEMPLATE_ID_LENGTH_MAX} characters without spaces"
        problems.append(Problem("/viber_template_id", "format", rule))
    if wants_why and not 1 <= len(why) <= WHY_LENGTH_MAX:
        problems.append(Problem("/viber_why", "wrong_length", f"must have 1 to {WHY_LENGTH_MAX} characters"))
    if problems:
        raise InvalidInput(problems)
    return ViberNote(
        template=version.template,
        no=version.no,
        step=ViberStep(step),
        template_id=template_id if wants_id else None,
        why=why if wants_why else None,
        noted=signature,
    )


def latest_notes(versions: Iterable[Version], notes: Iterable[ViberNote]) -> dict[tuple[str, str], ViberNote]:
    """By template and body, the last that was noted; notes of versions that are not given do not count.

    A body is approved whichever version brought it: an earlier one that is taken again needs no second approval.
    """
    bodies = {(one.template, one.no): one.words.viber for one in versions}
    return {
        (one.template, bodies[one.template, one.no]): one for one in notes if (one.template, one.no) in bodies
    }  # the last of each wins


def standing(template: str, body: str, own_body: str, latest: Mapping[tuple[str, str], ViberNote]) -> ViberStanding:
    """Where a body is; ``own_body``: the file's."""
    note = latest.get((template, body))
    if body == own_body:
        return ViberStanding.NOT_NEEDED
    return ViberStanding.TO_SUBMIT if note is None else ViberStanding(note.step.value)

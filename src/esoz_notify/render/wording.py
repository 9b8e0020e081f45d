"""The texts in force at a moment: the file's, with what was published since over them, as far as each channel takes it.

What belongs here: putting versions over the file, channel by channel. What does not: who published what (``core``),
learning of it (engine).
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from esoz_notify.core.channel import Channel
from esoz_notify.core.wording import (
    IN_FORCE_AFTER,
    Version,
    ViberNote,
    ViberStanding,
    ViberStep,
    Words,
    latest_notes,
    standing,
)
from esoz_notify.render.templates import Template
from esoz_notify.render.text_rules import Fault, faults, needs_other
from esoz_notify.render.texts import Texts


@dataclass(frozen=True, slots=True)
class Timeline:
    """Texts from one change to the next. ``spoilt``: versions that break a rule of today and are passed over."""

    own: Texts
    moments: tuple[datetime, ...] = ()
    texts: tuple[Texts, ...] = ()
    spoilt: tuple[Version, ...] = field(default=(), repr=False)

    def at(self, moment: datetime) -> Texts:
        """The texts in force at a moment."""
        place = bisect_right(self.moments, moment)
        return self.texts[place - 1] if place else self.own


def timeline(own: Texts, versions: Sequence[Version], notes: Sequence[ViberNote]) -> Timeline:
    """Everything published, in the order in which it came into force.

    ``versions``: all that were published or noted of; ``notes``: in the order they were noted.
    """
    published = [one for one in versions if one.published is not None and one.template in own.templates]
    good = [one for one in published if not faults_of(own, written(own.templates[one.template], one))]
    spoilt = tuple(one for one in published if one not in good)
    moments = sorted({*(_from(one) for one in good), *(one.noted.at + IN_FORCE_AFTER for one in notes)})
    return Timeline(
        own,
        tuple(moments),
        tuple(_at(own, good, _latest(versions, notes, moment), moment) for moment in moments),
        spoilt,
    )


def written(own: Template, version: Version) -> Template:
    """A template of the file with the words of a version."""
    return put(replace(own, version=version.no), version.words)


def put(own: Template, words: Words) -> Template:
    """A template of the file with other words."""
    return replace(
        own,
        sms=words.sms,
        sms_segments=words.sms_segments,
        viber=words.viber,
        diia_title=words.diia_title,
        diia_short=words.diia_short,
        diia_full=words.diia_full,
    )


def words_of(template: Template) -> Words:
    """The words of a template."""
    return Words(
        sms=template.sms,
        sms_segments=template.sms_segments,
        viber=template.viber,
        diia_title=template.diia_title,
        diia_short=template.diia_short,
        diia_full=template.diia_full,
    )


def faults_of(own: Texts, template: Template) -> list[Fault]:
    """Every rule that a template breaks among those of the file."""
    return faults(template) + needs_other(template, own.templates)


def viber_ids(notes: Sequence[ViberNote]) -> dict[str, str]:
    """By id of a template, the id that its approved body has at the provider."""
    return {
        f"{one.template}@{one.no}": one.template_id
        for one in notes
        if one.step is ViberStep.APPROVED and one.template_id is not None
    }


def _from(version: Version) -> datetime:
    assert version.in_force_from is not None, "only what is published comes here"
    return version.in_force_from


def _latest(
    versions: Sequence[Version], notes: Sequence[ViberNote], moment: datetime
) -> Mapping[tuple[str, str], ViberNote]:
    return latest_notes(versions, [one for one in notes if one.noted.at + IN_FORCE_AFTER <= moment])


def _at(
    own: Texts, published: Sequence[Version], latest: Mapping[tuple[str, str], ViberNote], moment: datetime
) -> Texts:
    newest_first = sorted((one for one in published if _from(one) <= moment), key=lambda one: -one.no)
    templates, instead = dict(own.templates), {}
    for name in {one.template for one in newest_first}:
        file = own.templates[name]
        versions = [written(file, one) for one in newest_first if one.template == name]
        templates[name] = versions[0]
        for channel, template in _elsewhere(file, versions, latest):
            instead[channel, name] = template
    return Texts(templates, instead)


def _elsewhere(
    file: Template, newest_first: Sequence[Template], latest: Mapping[tuple[str, str], ViberNote]
) -> Iterator[tuple[Channel, Template]]:
    """What the channels that register templates say, when it is not simply the newest."""
    viber = next((one for one in (_registered(file, it, latest) for it in newest_first) if one is not None), file)
    yield Channel.VIBER, viber
    if newest_first[0].diia == file.diia:
        yield Channel.DIIA, file


def _registered(file: Template, one: Template, latest: Mapping[tuple[str, str], ViberNote]) -> Template | None:
    """The template under which the body of a version is registered with Viber; None: it is not."""
    match standing(file.name, one.viber, file.viber, latest):
        case ViberStanding.NOT_NEEDED:
            return file
        case ViberStanding.APPROVED:
            return replace(one, version=latest[file.name, one.viber].no)
    return None

"""The words in force, as this process knows them: the file's, and what was published since by anybody anywhere.

What belongs here: learning of it about once a second, and keeping what providers' templates are called. What does not:
writing and publishing (``publishing``), putting versions over the file (``render.wording``).

A message says what was in force when its attempt began, also when the same attempt is repeated later by another
process: providers know a message again by its key and not by its words, and Diia by its template too.
"""

import logging
from collections.abc import Mapping
from datetime import datetime

from esoz_notify.channels.diia import DiiaTemplate
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.render.templates import Template
from esoz_notify.render.texts import Texts
from esoz_notify.render.wording import Timeline, timeline, viber_ids
from esoz_notify.store import texts as kept
from esoz_notify.store.ledger import Connection

log = logging.getLogger(__name__)


class Wording:
    """What is in force, in memory. While the ledger does not answer, what was seen last holds.

    ``viber_ids`` and ``diia_ids``: by name of a template, the ids under which the file's texts were registered by hand.
    """

    def __init__(
        self,
        ledger: Ledger,
        own: Texts,
        *,
        viber_ids: Mapping[str, str] | None = None,
        diia_ids: Mapping[str, str] | None = None,
    ) -> None:
        self._ledger = ledger
        self._timeline = Timeline(own)
        self._news = (0, 0)
        self.own = own
        self.viber_ids: dict[str, str] = dict(viber_ids or {})
        """By id of a template, the provider's; it grows while providers' adapters look into it."""
        self.diia_templates: dict[str, DiiaTemplate] = {
            one.name: _for_diia(one, (diia_ids or {}).get(one.name)) for one in own.templates.values()
        }
        """By id of a template, what Diia is given; it grows likewise."""

    def at(self, moment: datetime) -> Texts:
        """The texts in force at a moment, as far as is known here; asks nobody."""
        return self._timeline.at(moment)

    def now(self) -> Texts:
        """The texts in force now; asks nobody."""
        return self.at(self._ledger.clock.now())

    async def open(self) -> None:
        """Learn what there is. Raises Unavailable."""
        async with self._ledger.transaction() as connection:
            await self.look(connection)

    async def look(self, connection: Connection) -> None:
        """Take in what is new, if anything is."""
        news = await kept.news(connection)
        if news == self._news:
            return
        versions, notes = await kept.in_use(connection), await kept.notes(connection)
        found = timeline(self.own, versions, notes)
        self.viber_ids.update(viber_ids(notes))
        for texts in found.texts:
            self.diia_templates.update(
                {one.id: _for_diia(one, None) for one in texts.templates.values() if one.id not in self.diia_templates}
            )
        for one in found.spoilt:
            log.error("text %s version %d breaks a rule of this release; the file's is used", one.template, one.no)
        self._timeline, self._news = found, news


def _for_diia(template: Template, template_id: str | None) -> DiiaTemplate:
    title, short_text, full_text = template.diia
    return DiiaTemplate(title=title, short_text=short_text, full_text=full_text, template_id=template_id)

"""From a submission to the message a provider is given: opens what is sealed, renders the text, sets the validity.

What belongs here: putting together. What does not: texts (render), what a provider makes of them (channels).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from esoz_notify.channels.dialogue import OutboundMessage
from esoz_notify.core.attempt_keys import attempt_key
from esoz_notify.core.channel import GUARANTEED
from esoz_notify.core.kinds import KINDS
from esoz_notify.core.phone import Phone
from esoz_notify.core.recipient import Relation
from esoz_notify.engine.applying import Submission
from esoz_notify.render.texts import Texts
from esoz_notify.store.vault import Vault, field_aad


@dataclass(frozen=True, slots=True)
class Composer:
    """Composes messages from submissions. ``texts_at``: the texts in force at a moment.

    An attempt that is repeated says what it said at first: by when it began, whichever process repeats it.
    """

    vault: Vault
    texts_at: Callable[[datetime], Texts]

    def compose(self, submission: Submission, now: datetime, validity_min_s: float) -> OutboundMessage:
        """The message of an attempt; ``validity_min_s``: the shortest its provider takes."""
        content, attempt = submission.content, submission.state.attempts[submission.attempt_no]
        row = str(content.id)
        phone = self._open(content.phone, "phone", row)
        sealed = self.vault.open(content.data, aad=field_aad("content", "data", row))
        data = msgspec.json.decode(sealed, type=dict[str, str])
        code = self._open(content.code, "code", row)
        secret_field = KINDS[content.kind].secret_field
        if code is not None and secret_field is not None:
            data[secret_field] = code
        rendered = self.texts_at(attempt.started_at).message(
            content.kind,
            attempt.channel,
            content.language,
            data,
            for_other=content.relation == Relation.THIRD_PERSON.value,
        )
        return OutboundMessage(
            key=attempt_key(content.id, attempt.no),
            phone=Phone(phone) if phone else None,
            tax_id=self._open(content.tax_id, "tax_id", row),
            kind=content.kind,
            template=rendered.template,
            parameters=rendered.parameters,
            text=rendered.text,
            language=content.language,
            validity_s=max(_validity_s(submission, now), validity_min_s),
        )

    def _open(self, sealed: bytes | None, column: str, row: str) -> str | None:
        return None if sealed is None else self.vault.open(sealed, aad=field_aad("content", column, row)).decode()


def _validity_s(submission: Submission, now: datetime) -> float:
    """How long the provider may try: the step's window, or on the guaranteed step all the life that is left."""
    state = submission.state
    life_s = (state.valid_until - now).total_seconds()
    attempt = state.attempts[submission.attempt_no]
    if attempt.channel in GUARANTEED or state.step_ends_at is None:
        return life_s
    return min(life_s, (state.step_ends_at - now).total_seconds())

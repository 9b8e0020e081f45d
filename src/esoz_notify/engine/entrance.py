"""All by which people come in, put together once.

What belongs here: joining. What does not: any rule of theirs.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from esoz_notify.engine.factors import Factors
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.oidc import Oidc, Registration
from esoz_notify.engine.passkeys import site_of
from esoz_notify.engine.people import People
from esoz_notify.engine.revealing import Revealing
from esoz_notify.engine.sessions import Sessions
from esoz_notify.render.texts import Texts, builtin_texts
from esoz_notify.store.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What pages let people in by."""

    people: People
    sessions: Sessions
    factors: Factors
    revealing: Revealing
    oidc: Oidc | None


def entrance(  # noqa: PLR0913 - what an installation chooses, by name
    ledger: Ledger,
    vault: Vault,
    *,
    texts_at: Callable[[datetime], Texts] | None = None,
    public_url: str | None = None,
    second_factor: Collection[str] = (),
    oidc: Registration | None = None,
) -> Entrance:
    """Put it together over a ledger. ``second_factor``: the roles whose people must have one.

    ``texts_at``: those of messages at a moment; the built-in ones unless given. ``oidc``: where people may sign in too.
    """
    people = People(ledger, vault)
    sessions = Sessions(ledger, vault, people, second_factor)
    factors = Factors(ledger, vault, people, sessions, site_of(public_url))
    revealing = Revealing(ledger, vault, texts_at or (lambda _: builtin_texts()))
    elsewhere = Oidc(ledger, vault, sessions, oidc) if oidc is not None else None
    return Entrance(people=people, sessions=sessions, factors=factors, revealing=revealing, oidc=elsewhere)

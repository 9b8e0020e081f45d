"""What operators do and see: providers held and resumed, their health and its history, what is remembered of a phone.

What belongs here: use cases of people who run the service. What does not: who may ask (api, console), the SQL (store).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from esoz_notify.core.breaker import Breaker, BreakerState, Hold
from esoz_notify.core.errors import InvalidInput, NotFound, Problem
from esoz_notify.core.phone import Phone
from esoz_notify.engine.audit import Action, Deed, id_of, note
from esoz_notify.engine.crises import Crises
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store import health, reach
from esoz_notify.store.health import ProviderChange, ProviderHealth
from esoz_notify.store.reach import Remembered
from esoz_notify.store.vault import Vault

WHO_LENGTH_MAX = 100
WHY_LENGTH_MAX = 200
HISTORY_MAX = 100


@dataclass(frozen=True, slots=True)
class Operations:
    """The use cases. ``providers``: names of those that are configured. ``crises``: those of the crisis switch."""

    ledger: Ledger
    vault: Vault
    providers: Collection[str]
    crises: Crises

    async def hold_provider(self, name: str, *, actor: str, why: str) -> ProviderHealth:
        """Give a provider nothing new, whatever its circuit says, until it is resumed; what it has is finished.

        ``actor``: as the audit names whoever it is; people are told the id of it alone.
        Idempotent: who held it first stays on record. Raises NotFound, InvalidInput.
        """
        who, why = self._checked(name, id_of(actor), why)
        async with self.ledger.transaction() as connection:
            found, now = await health.lock(connection, [name])
            before = found[name]
            if before.hold is not None or now is None:
                return before
            after = replace(before, hold=Hold(who, why, now))
            await health.write(connection, [after], [ProviderChange(provider=name, change="held", reason=why, by=who)])
            await note(connection, _deed(actor, Action.PROVIDER_HELD, name, why))
        return after

    async def resume_provider(self, name: str, *, actor: str, why: str) -> ProviderHealth:
        """Take a hold away; the circuit then decides alone. Idempotent. Raises NotFound, InvalidInput."""
        who, why = self._checked(name, id_of(actor), why)
        async with self.ledger.transaction() as connection:
            found, _ = await health.lock(connection, [name])
            before = found[name]
            if before.hold is None:
                return before
            after = replace(before, hold=None)
            change = ProviderChange(provider=name, change="resumed", reason=why, by=who)
            await health.write(connection, [after], [change])
            await note(connection, _deed(actor, Action.PROVIDER_RESUMED, name, why))
        return after

    async def providers_health(self) -> list[ProviderHealth]:
        """The health of every configured provider, as all workers share it, by name."""
        async with self.ledger.transaction() as connection:
            found, _ = await health.read(connection, self.providers)
        return [found.get(name) or self._untried(name) for name in sorted(self.providers)]

    async def provider_history(self, name: str, count_max: int = HISTORY_MAX) -> Sequence[ProviderChange]:
        """The last changes of a provider with their reasons, newest first. Raises NotFound."""
        self._known(name)
        async with self.ledger.transaction() as connection:
            return await health.history(connection, name, min(count_max, HISTORY_MAX))

    async def reachability(self, phone: Phone) -> Sequence[Remembered]:
        """On which channels a phone was not reachable lately, why, and until when that is believed."""
        async with self.ledger.transaction() as connection:
            return await reach.of_phone(connection, self.vault.index(phone.e164, "phone"))

    def _untried(self, name: str) -> ProviderHealth:
        breaker = Breaker(since=self.ledger.clock.now(), state=BreakerState.CLOSED)
        return ProviderHealth(
            provider=name, breaker=breaker, hold=None, slow=False, receipts_stopped=False, judged_at=None
        )

    def _known(self, name: str) -> None:
        if name not in self.providers:
            raise NotFound("no provider of that name is configured", code="provider_unknown")

    def _checked(self, name: str, who: str, why: str) -> tuple[str, str]:
        self._known(name)
        problems = [
            Problem(pointer, "wrong_length", f"must have 1 to {length_max} characters besides spaces around it")
            for pointer, value, length_max in (("/who", who, WHO_LENGTH_MAX), ("/why", why, WHY_LENGTH_MAX))
            if not 1 <= len(value.strip()) <= length_max
        ]
        if problems:
            raise InvalidInput(problems)
        return who.strip(), why.strip()


def _deed(actor: str, action: Action, provider: str, why: str) -> Deed:
    return Deed(actor=actor, action=action, subject=f"provider:{provider}", why=why)

"""One world from one seed: puts the players together, lets time run, and asks at the end whether all is well.

What belongs here: making and running a world. What does not: how its parts behave.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from uuid import UUID

from tests.world.aggregators import Aggregator, Diia
from tests.world.callers import Api, make_caller
from tests.world.checks import Checks
from tests.world.engine import Engine
from tests.world.ledger import Ledger, Transaction
from tests.world.links import Link
from tests.world.people import Person, make_person
from tests.world.process import Provider
from tests.world.smsc import Smsc
from tests.world.stage import SECOND, Stage, Violation, new_stage, to_us
from tests.world.worker import Worker

from esoz_notify.channels import diia, infobip, smpp
from esoz_notify.channels.dialogue import Adapter
from esoz_notify.core.receipts import PartState
from esoz_notify.engine.messages import Composer
from esoz_notify.render.texts import builtin_texts
from esoz_notify.store.vault import KEY_BYTES, Keys, Vault

BIG_EVERY = 500
CALM_S = 25.0
"""After the last validity the world is well again for so long, so that what was hindered can end."""


class Failure(AssertionError):
    """A seed broke a rule: says which, tells the story of the notification, and how to play it again."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays; a mutant replaces one of them."""

    worker: type[Worker] = Worker
    engine: type[Engine] = Engine
    link: type[Link] = Link
    transaction: type[Transaction] = Transaction


@dataclass(slots=True)
class Game:
    """One world."""

    stage: Stage
    checks: Checks
    ledger: Ledger
    workers: list[Worker] = field(default_factory=list)


def play(seed: int, cast: Cast | None = None) -> Counter[str]:
    """Play the world of a seed to its end and give what was met in it. Raises Failure."""
    return _played(seed, cast or Cast()).tally


def play_aloud(seed: int) -> str:
    """Play the world of a seed and give its whole diary. Raises Failure."""
    stage = _played(seed, Cast())
    return f"{stage.trail(None)}\nseed {seed}: all is well\n"


def _played(seed: int, cast: Cast) -> Stage:
    stage = new_stage(seed)
    try:
        _play(stage, cast)
    except Violation as broken:
        raise Failure(tell(stage, broken)) from broken
    stage.count("worlds")
    return stage


def tell(stage: Stage, broken: Violation) -> str:
    """What a failing seed prints."""
    return "\n".join(
        [
            f"seed {stage.seed}: {broken}",
            f"notification {broken.notification}, temper {stage.temper}",
            stage.trail(broken.notification),
            f"play it again: .venv/bin/python -m tests.world {stage.seed}",
        ]
    )


def _play(stage: Stage, cast: Cast) -> None:
    checks = Checks(stage)
    ledger = Ledger(stage, checks, cast.transaction)
    checks.contents = ledger.contents
    big = stage.seed % BIG_EVERY == BIG_EVERY - 1
    people = [make_person(stage, index) for index in range(1, 2 + (20 if big else stage.pick((1, 1, 2, 2, 3))))]
    game = Game(stage, checks, ledger)
    api = Api(stage, ledger, cast.engine(ledger.contents), _adapters(stage))
    make_providers = _providers(stage, checks, people, api=api, link=cast.link)
    for number in range(1, 2 + stage.pick((0, 1, 1, 2))):
        worker = cast.worker(
            f"worker {number}",
            ledger,
            engine=cast.engine(ledger.contents),
            composer=composer(),
            calls_at_once=stage.pick((1, 2, 16)),
        )
        worker.make_providers = partial(make_providers, worker)
        game.workers.append(worker)
        stage.timeline.after(stage.between(0.0, 2.0), worker.start)
    checks.is_held = lambda attempt: any(worker.is_working and worker.has(attempt) for worker in game.workers)
    checks.is_working = lambda: any(worker.is_working for worker in game.workers) and not _is_away(ledger)
    count = 40 if big else stage.pick((1, 1, 2, 2, 3, 4, 5))
    last_us = 0
    for index in range(1, count + 1):
        stage.timeline.run(stage.timeline.now_us + int(stage.between(0.0, 2.0) * SECOND))
        caller = make_caller(stage, api, checks, vault=_vault(), index=index, person=stage.pick(people), big=big)
        last_us = max(last_us, to_us(caller.row.state.valid_until))
        caller.begin()
    _plan_troubles(game, last_us)
    stage.timeline.run(last_us + 3 * SECOND)
    _heal(game)
    awake_us = max(stage.timeline.now_us, *(worker.asleep_until_us for worker in game.workers))
    stage.timeline.run(awake_us + int(CALM_S * SECOND))
    checks.at_end(_heard(ledger))


def _is_away(ledger: Ledger) -> bool:
    return ledger.stage.timeline.now_us < ledger.away_until_us


def _heal(game: Game) -> None:
    game.stage.calm_down()
    game.ledger.away_until_us = 0
    game.ledger.spared_us.clear()
    for worker in game.workers:
        worker.start()
        worker.plan()
    game.checks.trouble()


def _heard(ledger: Ledger) -> list[tuple[UUID, int, int, PartState]]:
    """Every receipt that was stored, not in the last second, and whose attempt is known in the end."""
    look = ledger.transaction(ledger)
    until_us = ledger.stage.timeline.now_us - SECOND
    known = [(look.attempt_of(row), row) for at_us, row in ledger.received if at_us < until_us]
    return [(*of, PartState(row.state, row.reason)) for of, row in known if of is not None]


# --- troubles that come by time ---------------------------------------------------------------------------------------


def _plan_troubles(game: Game, last_us: int) -> None:
    stage = game.stage
    end_s = last_us / SECOND

    def any_moment() -> float:
        # Most things happen early, where the world is busy.
        return stage.between(0.0, end_s if stage.chance(0.3) else min(end_s, 25.0))

    if stage.chance(stage.temper.ledger_outages):
        for _ in range(stage.pick((1, 2))):
            stage.timeline.after(any_moment(), partial(_ledger_falls, game, stage.between(0.2, 12.0)))
    if stage.chance(stage.temper.spares):
        name = stage.pick(("diia", "infobip", "north", "south"))
        stage.timeline.after(any_moment(), partial(_spared, game, name, stage.between(1.0, 60.0)))
    for worker in game.workers:
        if stage.temper.crash and stage.chance(0.5):
            stage.timeline.after(any_moment(), partial(worker.kill, "at any moment"))
        if stage.temper.pause and stage.chance(0.5):
            stage.timeline.after(any_moment(), partial(worker.sleep, stage.between(1.0, 40.0)))


def _spared(game: Game, name: str, for_s: float) -> None:
    """Nothing may be given to a provider for a while: its circuit is open, or an operator holds it."""
    game.stage.count("providers spared")
    game.stage.note(None, name, "is spared for", f"{for_s:.1f} s")
    game.ledger.spared_us[name] = game.stage.timeline.now_us + int(for_s * SECOND)
    for worker in game.workers:
        worker.spare(name)


def _ledger_falls(game: Game, for_s: float) -> None:
    game.ledger.fall(for_s)
    game.stage.timeline.at(game.ledger.away_until_us, game.checks.trouble)


# --- providers --------------------------------------------------------------------------------------------------------


@cache
def _vault() -> Vault:
    key = bytes(range(KEY_BYTES))
    return Vault(Keys(data_keys={1: key}, current_id=1, index_key=key, code_key=key, token_key=key))


@cache
def composer() -> Composer:
    """The product's own composer, with the built-in texts."""
    return Composer(_vault(), lambda _: builtin_texts())


@cache
def _adapter(name: str, *, callback: bool = True) -> Adapter:
    texts = builtin_texts()
    if name == "infobip":
        account = infobip.InfobipAccount(
            api_key="key",
            sender="MOZ",
            templates={name: f"template-{number}" for number, name in enumerate(texts.templates)},
            callback_url="https://notify.invalid/callbacks/infobip" if callback else None,
        )
        return infobip.adapter(account)
    templates = {
        template: diia.DiiaTemplate(title=title, short_text=short, full_text=full)
        for template, (title, short, full) in texts.diia_templates().items()
    }
    return diia.adapter(diia.DiiaAccount(partner_token="partner", templates=templates))


def _adapters(stage: Stage) -> dict[str, Adapter]:
    return {"infobip": _adapter("infobip", callback=stage.chance(0.8)), "diia": _adapter("diia")}


def _providers(
    stage: Stage, checks: Checks, people: Sequence[Person], *, api: Api, link: type[Link]
) -> Callable[[Worker], list[Provider]]:
    """What makes the providers of a worker; the servers behind them are the same for all workers."""
    viber_adapter, push_adapter = api.adapters["infobip"], api.adapters["diia"]
    by_phone = {person.phone.digits: person for person in people}
    viber = Aggregator(stage, checks, by_phone, partial(api.callback, "infobip"))
    push = Diia(stage, checks, {person.tax_id: person for person in people}, at_status=stage.chance(0.5))
    names = ("north", "south")[: stage.pick((1, 2, 2))]
    smscs = [Smsc(stage, checks, name, by_phone, hexadecimal=name == "south") for name in names]
    accounts = {smsc.name: _account(stage, smsc) for smsc in smscs}
    _plan_outages(stage, viber, push, smscs)

    def make(worker: Worker) -> list[Provider]:
        links = [link(stage, worker, smsc, accounts[smsc.name]) for smsc in smscs]
        return [
            Provider("diia", push_adapter.capabilities, push_adapter, push),
            Provider("infobip", viber_adapter.capabilities, viber_adapter, viber),
            *(Provider(one.smsc.name, replace(smpp.capabilities(one.account), batch_max=1), link=one) for one in links),
        ]

    return make


def _account(stage: Stage, smsc: Smsc) -> smpp.SmppAccount:
    return smpp.SmppAccount(
        name=smsc.name,
        host="localhost",
        port=2775,
        system_id="esoz",
        password="secret",
        source_addr="MOZ",
        window_size=stage.pick((1, 2, 10)),
        enquire_link_s=stage.pick((30.0, 120.0)),
        id_format=smpp.IdFormat.HEX_TO_DEC if smsc.hexadecimal else smpp.IdFormat.AS_IS,
    )


def _plan_outages(stage: Stage, viber: Aggregator, push: Diia, smscs: Sequence[Smsc]) -> None:
    for server in (viber, push):
        if stage.chance(stage.temper.provider_outages):
            begins_s, for_s = stage.between(0.0, 20.0), stage.between(1.0, 60.0)
            stage.timeline.after(begins_s, partial(_server_falls, stage, server, for_s))
    for smsc in smscs:
        if stage.chance(stage.temper.provider_outages):
            begins_s, for_s = stage.between(0.0, 20.0), stage.between(1.0, 60.0)
            stage.timeline.after(begins_s, partial(_smsc_falls, stage, smsc, for_s))


def _server_falls(stage: Stage, server: Aggregator | Diia, for_s: float) -> None:
    stage.count("provider outages")
    stage.note(None, type(server).__name__, "is away for", f"{for_s:.1f} s")
    server.down_until_us = stage.timeline.now_us + int(for_s * SECOND)


def _smsc_falls(stage: Stage, smsc: Smsc, for_s: float) -> None:
    stage.count("provider outages")
    stage.note(None, "SMSC", smsc.name, "is away for", f"{for_s:.1f} s")
    smsc.fall(for_s)

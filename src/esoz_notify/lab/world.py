"""Builds one lab out of its settings, starts it and stops it: the only place where its pieces meet."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from aiohttp import web

from esoz_notify.lab.callbacks import CallbackSender
from esoz_notify.lab.clinic import Clinic
from esoz_notify.lab.diia import Diia
from esoz_notify.lab.faults import Fault, Faults, Rule
from esoz_notify.lab.ground import Ground
from esoz_notify.lab.http_sms import HttpSms
from esoz_notify.lab.hyber import Hyber
from esoz_notify.lab.interface import Interface
from esoz_notify.lab.journal import Journal
from esoz_notify.lab.listeners import Listener, cut_http, tcp_server
from esoz_notify.lab.memory import Memory
from esoz_notify.lab.settings import DIIA, HTTP_SMS, HYBER, TURBOSMS, VIBER, VONAGE, LabSettings
from esoz_notify.lab.smsc import Smsc
from esoz_notify.lab.smsc_session import Session
from esoz_notify.lab.timers import Timers, seeded
from esoz_notify.lab.turbosms import TurboSms
from esoz_notify.lab.viber import Viber
from esoz_notify.lab.vonage import Vonage
from esoz_notify.lab.wall import Wall

_BODY_BYTES_MAX = 16 * 1024 * 1024
_SHUTDOWN_S = 0.5


class Lab:
    """A running lab. Made by ``run_lab``; needs a running loop from its construction on."""

    def __init__(self, settings: LabSettings) -> None:
        self.settings = settings
        self.timers = Timers()
        self.journal = Journal(settings.journal)
        self.memory = Memory(settings, self.journal)
        self.faults = Faults(self.timers, on_begin=self._fault_begins, on_end=self._fault_ends)
        ground = Ground(
            settings=settings, memory=self.memory, faults=self.faults, journal=self.journal, timers=self.timers
        )
        self.viber = Viber(ground)
        self.diia = Diia(ground)
        self.further: dict[str, TurboSms | HttpSms | Vonage | Hyber] = {
            TURBOSMS: TurboSms(ground),
            HTTP_SMS: HttpSms(ground),
            VONAGE: Vonage(ground),
            HYBER: Hyber(ground),
        }
        self.smscs = {smsc.name: Smsc(smsc, ground) for smsc in settings.smscs}
        self.wall = Wall(self.memory, Clinic(self.memory, settings.caller_file, seeded(settings.seed)))
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=_SHUTDOWN_S)
        self._listeners: dict[str, Listener] = {}
        self._changes: set[asyncio.Task[None]] = set()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=_BODY_BYTES_MAX)
        interface = Interface(self.memory, self.faults, self.smscs)
        app.add_routes([*interface.routes(), *self.wall.routes(), *self.viber.routes(), *self.diia.routes()])
        for provider in self.further.values():
            app.add_routes(provider.routes())
        return app

    async def start(self) -> None:
        """Remember what an earlier lab left in the journal, listen, and take up its unfinished work.

        Raises OSError when a port is taken; nothing is left listening then.
        """
        restores = (self.memory.restore, self.viber.restore, self.diia.restore)
        owners = (*restores, *(smsc.restore for smsc in self.smscs.values()))
        for kind, record in self.journal.load():
            any(restore(kind, record) for restore in owners)
        self.journal.open()
        for sender in self._senders():
            await sender.open()
        await self._runner.setup()
        try:
            self._make_listeners()
        except OSError:
            await self.stop()
            raise
        for listener in self._listeners.values():
            await listener.open()
        self.viber.resume()
        self.diia.resume()
        for smsc in self.smscs.values():
            smsc.resume()

    def _make_listeners(self) -> None:
        settings = self.settings
        server = self._runner.server
        assert server is not None
        http = tcp_server(server)
        for name, port in (("lab", settings.port), (VIBER, settings.viber_port), (DIIA, settings.diia_port)):
            self._listeners[name] = Listener(settings.host, port, http, partial(cut_http, server))
        for name in self.further:
            self._listeners[name] = Listener(settings.host, 0, http, partial(cut_http, server))
        for name, smsc in self.smscs.items():
            serve = tcp_server(partial(Session, smsc), smsc.settings.ssl_context)
            self._listeners[name] = Listener(settings.host, smsc.settings.port, serve, partial(_cut_sessions, smsc))

    async def stop(self) -> None:
        """Close everything; what was on its way stays owed in the journal. May be called twice."""
        self.timers.close()
        self.viber.door.close()
        self.diia.door.close()
        for provider in self.further.values():
            provider.door.close()
        self.wall.close()
        for change in self._changes:
            change.cancel()
        await asyncio.gather(*self._changes, return_exceptions=True)
        for listener in self._listeners.values():
            await listener.close()
        for smsc in self.smscs.values():
            _cut_sessions(smsc)
        for sender in self._senders():
            await sender.close()
        await self._runner.cleanup()
        self.journal.close()

    def _senders(self) -> list[CallbackSender]:
        return [self.viber.sender, *(provider.sender for provider in self.further.values())]

    @property
    def ports(self) -> dict[str, int]:
        """The port of each listener: lab, viber, diia, the further providers and every SMSC."""
        return {name: listener.port for name, listener in self._listeners.items()}

    def urls(self) -> dict[str, object]:
        """Where everything answers, as the ready line shows it."""
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        ports = self.ports
        return {
            "lab_url": f"http://{host}:{ports['lab']}",
            "viber_url": f"http://{host}:{ports[VIBER]}",
            "diia_url": f"http://{host}:{ports[DIIA]}",
            "further": {name: f"http://{host}:{ports[name]}" for name in self.further},
            "smsc": {name: [self.settings.host, ports[name]] for name in self.smscs},
        }

    # What a fault does to more than one request.

    def _fault_begins(self, rule: Rule) -> None:
        if rule.fault is Fault.OUTAGE:
            self._change(self._listeners[rule.provider].shut())
        elif rule.fault is Fault.DISCONNECT and rule.provider in self.smscs:
            for session in list(self.smscs[rule.provider].sessions):
                if rule.decide():
                    session.cut()

    def _fault_ends(self, rule: Rule) -> None:
        if rule.fault is Fault.OUTAGE and not self.faults.active(rule.provider, Fault.OUTAGE):
            self._change(self._listeners[rule.provider].open())
        elif rule.fault is Fault.RECEIPT_BURST:
            pushing = {VIBER: self.viber, **self.further, **self.smscs}
            pushing[rule.provider].gate.release()

    def _change(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)


def _cut_sessions(smsc: Smsc, _port: int = 0) -> None:
    for session in list(smsc.sessions):
        session.cut()


@asynccontextmanager
async def run_lab(settings: LabSettings) -> AsyncIterator[Lab]:
    """A lab that listens for as long as the block lasts."""
    lab = Lab(settings)
    await lab.start()
    try:
        yield lab
    finally:
        await lab.stop()

"""The scenario of the console's pages: asked one after another over a big ledger while messages go on being sent.

What belongs here: which pages, the calls and their times, and sending with and without them. What does not: the
product's processes (``house``), ledgers of synthetic rows (``volume``).
"""

import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from threading import Event
from typing import Any, TypeVar
from urllib.parse import urlencode

from esoz_notify.bench.house import CALLER, House, Sent, Site, Tell, a_house
from esoz_notify.bench.load import NUMBER, spread
from esoz_notify.bench.parts import DOCUMENT, Options, Result, result_of, singles, start_warm
from esoz_notify.bench.volume import Preload
from esoz_notify.core.errors import NotifyError

ROWS = 200_000
"""Ended notifications in the ledger unless it is said how many."""
RATE_PER_S = 20.0
"""Light sending: what is measured is whether pages disturb it, not how much of it there may be."""
ROUNDS_MIN = 3
"""Every page is asked for so often, also when sending is over before."""
LOGIN = "bench.operator"
REFERENCE = "bench-rx-"
ANSWER_LIMIT_S = 120.0

_LINE = DOCUMENT.replace("{", f'{{"reference": "{REFERENCE}{NUMBER}", ', 1)
_FIRSTS = {"alone": 1, "export": 1_000_001, "pages": 2_000_001}
"""Where the numbers of each time of sending begin."""
_CSRF = re.compile(rb'name="csrf" value="(\w+)"')

Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class Ask:
    """One page, or what is done on it: with a ``form`` by POST. ``status``: of its answer."""

    path: str
    form: Mapping[str, str] | None = None
    status: int = 200


ASKS: Mapping[str, Ask] = {
    "now": Ask("/now"),
    "now_live": Ask("/now/live"),
    "find": Ask("/find"),
    "find_filtered": Ask(f"/find?system={CALLER}&status=delivered&channel=viber"),
    "find_paper": Ask("/find?status=paper"),
    "find_in_vain": Ask("/find?kind=referral_recalled"),
    "find_in_vain_by_channel": Ask("/find?channel=diia&lane=documents&from=2020-01-01T00:00"),
    "search_by_reference": Ask("/find", {"wanted": f"{REFERENCE}0000001"}, 303),
    "search_by_phone": Ask("/find", {"wanted": "000 000 00 01"}, 303),
    "search_by_number": Ask("/find", {"wanted": "0000243p1x53eh38"}),
    "search_in_vain": Ask("/find", {"wanted": "0000-243P-1X53-0000"}),
}
"""What is asked for, by the names under which times are reported: a page more is a row more."""


def pages(site: Site, options: Options, tell: Tell) -> Result:
    """Three times the same light sending: alone, while a list is exported, while pages are asked for."""
    preload = Preload(options.rows[-1] if options.rows else ROWS, tell)
    with a_house(site, "pages", tell, preload=preload) as house, closing(Operator(house)) as operator:
        start_warm(house, tell)
        sent, _ = _sent_while(house, options, tell, "alone", lambda _: None)
        alone_ms = house.ledger.handover_ms()
        house.others += sent.accepted
        sent, export = _sent_while(house, options, tell, "export", operator.export)
        export["handover_ms"] = house.ledger.handover_ms()
        house.others += sent.accepted
        meter = house.meter()
        sent, page_ms = _sent_while(house, options, tell, "pages", operator.ask_all)
        result = result_of("pages", house, sent, meter, delivered=True)
        result.more |= {
            "rows": preload.rows,
            "rate_per_s": RATE_PER_S,
            "handover_alone_ms": alone_ms,
            "export": export,
            "page_ms": page_ms,
            "preload_s": round(preload.seconds, 1),
        }
        # Most of the work was on pages: CPU per message would say nothing.
        result.cpu_s_per_1000 = result.load_cpu_s_per_1000 = None
        return result


def _sent_while(
    house: House, options: Options, tell: Tell, what: str, work: Callable[[Event], Done]
) -> tuple[Sent, Done]:
    """Send lightly while ``work`` is done, which is told when sending is over; then all is delivered and known."""
    count = max(1, int(RATE_PER_S * options.seconds))
    plan = replace(singles(options, count, rate_per_s=RATE_PER_S, first=_FIRSTS[what]), line=_LINE)
    over = Event()
    with ThreadPoolExecutor(1) as hand:
        doing = hand.submit(work, over)
        sent = house.send(plan, f"sending ({what})", tell)
        over.set()
        tell(f"finishing ({what})", None)
        done = doing.result()
    house.drain(sent.accepted, tell)
    house.ledger.know(sent.ids())
    return sent, done


class Operator:
    """A person who runs the service, signed in, on one kept-alive connection."""

    def __init__(self, house: House) -> None:
        given = ("--name", "Bench", "--system", CALLER, "--role", "operator", "--json")
        password = house.command("operators", "add", LOGIN, *given)["password"]
        self._connection = HTTPConnection(str(house.api.hostname), house.api.port, timeout=ANSWER_LIMIT_S)
        self._cookies: dict[str, str] = {}
        self._csrf = ""
        self._ask(Ask("/sign-in", {"login": LOGIN, "password": password}, 303))
        found = _CSRF.search(self._ask(Ask("/find"))[0])
        if found is None:
            raise NotifyError("the console shows no form to whoever has signed in")
        self._csrf = found[1].decode("ascii")

    def close(self) -> None:
        """Go away; the session is left to its end."""
        self._connection.close()

    def ask_all(self, over: Event) -> dict[str, dict[str, float] | None]:
        """Ask for every page in turn until ``over``; milliseconds to the whole answer."""
        times_ms: dict[str, list[float]] = {name: [] for name in ASKS}
        rounds = 0
        while rounds < ROUNDS_MIN or not over.is_set():
            for name, one in ASKS.items():
                began_s = time.perf_counter()
                self._ask(one)
                times_ms[name].append((time.perf_counter() - began_s) * 1000)
            rounds += 1
        return {name: spread(several) for name, several in times_ms.items()}

    def export(self, _: Event) -> dict[str, Any]:
        """Export all there is: lines, seconds, and milliseconds to the first bytes."""
        began_s = time.perf_counter()
        body, first_s = self._ask(Ask("/find/export", {}))
        seconds = time.perf_counter() - began_s
        return {
            "lines": body.count(b"\r\n"),
            "bytes": len(body),
            "first_bytes_ms": round(1000 * (first_s - began_s), 1),
            "seconds": round(seconds, 2),
        }

    def _ask(self, one: Ask) -> tuple[bytes, float]:
        """The whole answer, and when its first bytes came. Raises NotifyError when it is none of those awaited."""
        headers = {"cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if one.form is None:
            self._connection.request("GET", one.path, headers=headers)
        else:
            form = urlencode({**one.form, "csrf": self._csrf})
            headers["content-type"] = "application/x-www-form-urlencoded"
            self._connection.request("POST", one.path, form, headers)
        reply = self._connection.getresponse()
        first = reply.read(1)
        first_s = time.perf_counter()
        body = first + reply.read()
        if reply.status != one.status:
            raise NotifyError(f"the console answered {one.path.partition('?')[0]} with status {reply.status}")
        for cookie in reply.headers.get_all("set-cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        return body, first_s

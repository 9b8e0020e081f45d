"""The scenario of paper: summaries fetched one by one as callers do, and a thousand as one file as an operator does.

What belongs here: what is printed, the calls and their times. What does not: the product's processes (``house``).
"""

import json
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from http.client import HTTPConnection
from urllib.parse import SplitResult
from uuid import UUID

from esoz_notify.bench.house import Site, Tell, a_house
from esoz_notify.bench.load import spread
from esoz_notify.bench.parts import (
    DOCUMENT,
    INTAKE_CONNECTIONS,
    WARM_UP_LIMIT_S,
    Options,
    Result,
    result_of,
    singles,
)
from esoz_notify.core.errors import NotifyError

PAPER = json.dumps(
    {
        **json.loads(DOCUMENT),
        "notifications_off": True,
        "summary": {
            "patient_name": "Зразкова О. П.",
            "medication": "Зразколік, таблетки по 10 мг",
            "dosage": "По 1 таблетці двічі на день після їди, 30 днів",
            "quantity": "60 таблеток",
            "dispense_valid_to": "2027-01-01",
            "doctor": "Прикладний І. І.",
            "doctor_phone": "+380000000012",
            "facility": "Амбулаторія № 0, м. Зразкове",
        },
    }
)
FORMS = {
    "pdf_a4": ("application/pdf", ""),
    "pdf_a4_large": ("application/pdf", "?variant=large"),
    "pdf_a5": ("application/pdf", "?paper=a5"),
    "html_a4": ("text/html", ""),
    "text": ("text/plain", ""),
}
"""By name: the Accept header and the query."""

PRINTED_MAX = 1_000
PRINTED_PER_S = 200
"""So many per second of the scenario's length, so that a short one is short."""
FETCHED_SHARE = 10
FIRST_ONES = 10
"""Summaries that are fetched before the clock counts: fonts are read and caches filled by the first ones."""

ANSWER_LIMIT_S = 60.0


def printing(site: Site, options: Options, tell: Tell) -> Result:
    """A thousand summaries: a tenth fetched one by one in each form, then all as one file by the command."""
    with a_house(site, "print", tell) as house:
        meter = house.meter()
        count = min(PRINTED_MAX, int(options.seconds * PRINTED_PER_S))
        plan = replace(singles(options, count, connections=INTAKE_CONNECTIONS), line=PAPER, seconds=WARM_UP_LIMIT_S)
        sent = house.send(plan, "sending", tell, meter)
        ids = [one for one, _ in sent.ids()]
        tell("fetching", None)
        fetched = fetch_ms(house.api, house.caller, ids[: len(ids) // FETCHED_SHARE])
        result = result_of("print", house, sent, meter, delivered=False)
        tell("printing", None)
        named, out = site.folder / "ids.txt", site.folder / "run.pdf"
        named.write_text("\n".join(map(str, ids)), encoding="ascii")
        run = house.command("summaries", "--ids", str(named), "--out", str(out), "--json")
        out.unlink()
        result.lost += len(ids) - run["summaries"]
        result.more |= {"summary_ms": fetched, "run": {name: run[name] for name in ("summaries", "seconds", "bytes")}}
        # Most of the work was on paper: CPU per acceptance would say nothing.
        result.cpu_s_per_1000 = result.load_cpu_s_per_1000 = None
        return result


def fetch_ms(api: SplitResult, caller: tuple[str, str], ids: Sequence[UUID]) -> dict[str, dict[str, float] | None]:
    """Milliseconds from a request to its whole answer, by the name of the form. Raises NotifyError on a refusal."""
    connection = HTTPConnection(str(api.hostname), api.port, timeout=ANSWER_LIMIT_S)
    try:
        login = b64encode(":".join(caller).encode()).decode()
        form = {"authorization": f"Basic {login}", "content-type": "application/x-www-form-urlencoded"}
        token = json.loads(_answer(connection, "POST", "/oauth/token", form, "grant_type=client_credentials"))
        bearer = {"authorization": f"Bearer {token['access_token']}"}
        took = {}
        for name, (accept, query) in FORMS.items():
            times_ms = []
            for one in (*ids[:FIRST_ONES], *ids):
                started_s = time.perf_counter()
                path = f"/v1/notifications/{one}/summary{query}"
                _answer(connection, "GET", path, bearer | {"accept": accept})
                times_ms.append((time.perf_counter() - started_s) * 1000)
            took[name] = spread(times_ms[FIRST_ONES:])
        return took
    finally:
        connection.close()


def _answer(
    connection: HTTPConnection, method: str, path: str, headers: dict[str, str], body: str | None = None
) -> bytes:
    connection.request(method, path, body, headers)
    reply = connection.getresponse()
    answer = reply.read()
    if reply.status != 200:  # noqa: PLR2004 - OK
        raise NotifyError(f"the API answered {method} {path.partition('?')[0]} with status {reply.status}")
    return answer

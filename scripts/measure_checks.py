"""Measures whether the time of a check tells what it came to: against a running  esoz-notify up --lab --data DIR.

Usage: python scripts/measure_checks.py DIR [COUNT]. Makes verifications for phones of the lab, reads their codes there,
and tells right, wrong, superseded and unknown codes in a shuffled order, one after another on one connection. Prints
the quartiles of each in milliseconds. COUNT: checks of each kind, 200 at most (a caller's wrong codes are limited).
"""

import asyncio
import json
import random
import re
import statistics
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

KINDS = ("right", "wrong", "superseded", "unknown")
STATUSES = {"right": 200, "wrong": 403, "superseded": 409, "unknown": 404}
AT_ONCE = 20


async def main(folder: Path, count: int) -> None:
    """Measure and print."""
    access: dict[str, Any] = json.loads((folder / "dev-client.json").read_text("utf-8"))
    async with aiohttp.ClientSession() as http:
        form = {name: access[name] for name in ("client_id", "client_secret")} | {"grant_type": "client_credentials"}
        async with http.post(access["token_url"], data=form) as reply:
            http.headers["authorization"] = f"Bearer {(await reply.json())['access_token']}"
        gate = asyncio.Semaphore(AT_ONCE)

        async def prepared(number: int) -> tuple[str, str, str]:
            async with gate:
                return await _prepared(http, access, KINDS[number % len(KINDS)], f"+38000{number:07d}")

        checks = await asyncio.gather(*(prepared(number) for number in range(count * len(KINDS))))
        random.shuffle(checks)
        taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for kind, verification_id, code in checks:
            path = f"{access['base_url']}/v1/verifications/{verification_id}/check"
            started = time.perf_counter()
            async with http.post(path, json={"code": code}) as reply:
                await reply.read()
            taken[kind].append((time.perf_counter() - started) * 1000)
            if reply.status != STATUSES[kind]:
                raise SystemExit(f"{kind} was answered {reply.status}: {await reply.text()}")
    for kind, times in taken.items():
        low, middle, high = statistics.quantiles(times, n=4)
        sys.stdout.write(f"{kind:11} {len(times)} checks  25 % {low:.2f}  50 % {middle:.2f}  75 % {high:.2f} ms\n")


async def _prepared(http: aiohttp.ClientSession, access: dict[str, Any], kind: str, phone: str) -> tuple[str, str, str]:
    """The kind, the id and the code of one check."""
    if kind == "unknown":
        return kind, str(uuid4()), "0000"
    asked = {"purpose": "action", "entity_id": phone, "recipient": {"phone": phone}}
    made = [await _created(http, access, asked) for _ in range(2 if kind == "superseded" else 1)]
    code = await _code(http, access, phone)
    other = f"{(int(code) + 1) % 10_000:04d}"
    return kind, made[0], other if kind == "wrong" else code


async def _created(http: aiohttp.ClientSession, access: dict[str, Any], asked: dict[str, Any]) -> str:
    headers = {"idempotency-key": str(uuid4())}
    async with http.post(f"{access['base_url']}/v1/verifications", json=asked, headers=headers) as reply:
        reply.raise_for_status()
        made: str = (await reply.json())["id"]
        return made


async def _code(http: aiohttp.ClientSession, access: dict[str, Any], phone: str) -> str:
    while True:
        async with http.get(f"{access['lab_url']}/phones/{phone}/messages") as reply:
            messages = await reply.json() if reply.ok else []
        if messages:
            found = re.search(r"[0-9]{4,}", messages[-1]["text"])
            assert found is not None
            return found[0]
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    given = dict(enumerate(sys.argv))
    asyncio.run(main(Path(given[1]), int(given.get(2, "200"))))

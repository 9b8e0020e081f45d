"""Plays a page: its examples one after the other, in one folder, against a running service, as a reader would.

What belongs here: the reader. What a page takes for granted stands in ``fates.STAGES``; which blocks are left out, in
``fates.ELSEWHERE``.
"""

import ast
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from inspect import isawaitable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tests.architecture import house
from tests.docs.blocks import Block, blocks
from tests.docs.fates import ELSEWHERE, STAGES, Elsewhere, Stage

from esoz_notify.client import NotifyClient
from esoz_notify.settings import environment_for_child

BLOCK_S = 100
"""No example takes longer on the busiest machine."""
PHONE = "+380000000001"
PATIENT_ID = "0198c0de-0000-7000-8000-000000000001"
_SECRET = re.compile(r"esoz_sk_[\w-]+")
_SCRIPT = """\
cd {folder}
. {state}
set -euo pipefail
set -a
{text}
set +a
export -p > {state}
"""
_CURL = '#!/bin/sh\nexec {curl} --fail-with-body --silent --show-error "$@"\n'


@dataclass(frozen=True)
class House:
    """A running service. ``data``: its folder; ``folder``: where somebody stands who uses it."""

    data: Path
    folder: Path
    dsn: str

    def seen_from(self, folder: Path) -> "House":
        """The same service, from a folder that has what a checkout has, and the service's own as ``demo-data``."""
        for name in ("scripts", "deploy"):
            (folder / name).symlink_to(house.ROOT / name)
        (folder / "demo-data").symlink_to(self.data)
        tools = folder / "tools"
        tools.mkdir()
        curl = tools / "curl"  # an answer that refuses must fail the example
        curl.write_text(_CURL.format(curl=shutil.which("curl")), encoding="utf-8")
        curl.chmod(0o755)
        return replace(self, folder=folder)

    @cached_property
    def client(self) -> dict[str, Any]:
        """The developer's caller."""
        known: dict[str, Any] = json.loads((self.data / "dev-client.json").read_text("utf-8"))
        return known

    @cached_property
    def environment(self) -> dict[str, str]:
        """What commands find: the tools of .venv, curl, and the folder of the service."""
        path = os.pathsep.join([str(self.folder / "tools"), str(Path(sys.executable).parent), os.environ["PATH"]])
        given = environment_for_child(data=str(self.data), dsn=self.dsn, log_level="ERROR") | {
            "PATH": path,
            "HOME": str(self.folder),
        }
        given.pop("ESOZ_NOTIFY_CONFIG")
        return given | {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200", "PYTHONWARNINGS": "ignore"}

    def token(self, client_id: str, secret: str) -> str:
        """An access token of a caller."""
        form = urlencode({"grant_type": "client_credentials"}).encode()
        request = urllib.request.Request(self.client["token_url"], form)  # noqa: S310 - our own service
        request.add_header("Authorization", f"Basic {b64encode(f'{client_id}:{secret}'.encode()).decode()}")
        with urllib.request.urlopen(request, timeout=BLOCK_S) as reply:  # noqa: S310 - our own service
            return str(json.load(reply)["access_token"])

    def code(self) -> str:
        """The last one-time code that came to the phone."""
        url = f"{self.client['lab_url']}/phones/{quote(PHONE)}/messages"
        for _ in range(BLOCK_S * 10):
            with urllib.request.urlopen(url, timeout=BLOCK_S) as reply:  # noqa: S310 - our own lab
                codes = re.findall(r"Ваш код (?:підтвердження: )?(\d{4,8})", str(json.load(reply)))
            if codes:
                return str(codes[-1])
            time.sleep(0.1)
        raise AssertionError("no code came to the phone")


def elsewhere(block: Block) -> Elsewhere | None:
    """Who runs a block that is not run here."""
    rows = (row for row in ELSEWHERE if row.page == block.page and block.text.startswith(row.begins))
    return next(rows, None) if block.language == "sh" else None


class Session:
    """A reader of one page. What answers tell is known to the blocks after: an id as ID, a secret as SECRET."""

    def __init__(self, at: House, page: str) -> None:
        self.at, self.page, self.stage = at, page, STAGES.get(page, Stage())
        own = re.sub(r"[^a-z]", "", page.removeprefix("docs").removesuffix(".md"))
        self.caller, self.person = f"mis-{own}", f"o.{own}"
        self.python: dict[str, Any] = {}
        self.state = at.folder / "state"
        url = at.client["base_url"]
        token = at.token(at.client["client_id"], at.client["client_secret"])
        self.given = {
            "API": url,
            "NOTIFY_URL": url,
            "LAB": at.client["lab_url"],
            "TOKEN": token,
            "TOKEN_OF_ONE": token,
            "CLIENT_ID": at.client["client_id"],
            "CLIENT_SECRET": at.client["client_secret"],
        }
        self.state.write_text("".join(f"export {name}='{value}'\n" for name, value in self.given.items()), "utf-8")

    def play(self) -> None:
        """Everything of the page, in order. Raises AssertionError that names the block."""
        mine = [block for block in blocks() if block.page == self.page]
        for name, text in self.stage.files.items():
            found = next((block.text for block in mine if block.language == text), text)
            (self.at.folder / name).write_text(found, encoding="utf-8")
        self.shell(self.stage.before, f"before {self.page}")
        for block in mine:
            if block.language == "sh" and elsewhere(block) is None:
                self.shell(block.text, block.where)
            elif block.language == "python":
                self.run_python(block)
        self.shell(self.stage.after, f"after {self.page}")

    def shell(self, text: str, where: str) -> None:
        """Run commands, and learn from what they say."""
        script = _SCRIPT.format(folder=self.at.folder, state=self.state, text=self._read(text))
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.at.folder,
            env=self.at.environment,
            input=self.stage.answers,
            capture_output=True,
            text=True,
            check=False,
            timeout=BLOCK_S,
        )
        assert done.returncode == 0, (
            f"{where}: exit code {done.returncode}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}"
        )
        learnt = {}
        if ids := [one["id"] for one in _objects(done.stdout) if isinstance(one.get("id"), str)]:
            learnt["ID"] = ids[-1]
        if secrets := _SECRET.findall(done.stdout):
            learnt["SECRET"] = secrets[-1]
        with self.state.open("a", encoding="utf-8") as state:
            state.writelines(f"export {name}='{value}'\n" for name, value in learnt.items())

    def _read(self, text: str) -> str:
        """The text with what a reader puts into it."""
        for old, new in self.stage.instead.items():
            if old in text:
                text = text.replace(old, self._meant(new))
        return text.replace("mis-1", self.caller).replace("o.koval", self.person)

    def _meant(self, word: str) -> str:
        if word == "TOMORROW":
            return (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return self.at.code() if word == "CODE" else word

    def run_python(self, block: Block) -> None:
        """A file is written down under the name in its first line; anything else is run here."""
        text = self._read(block.text)
        if named := re.match(r"# (\w+\.py)\n", text):
            (self.at.folder / named[1]).write_text(text, encoding="utf-8")
            return
        code = compile(text, block.where, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        try:
            asyncio.run(asyncio.wait_for(self._in_python(code), BLOCK_S))
        except Exception as error:
            raise AssertionError(f"{block.where}: {type(error).__name__}: {error}") from error

    async def _in_python(self, code: Any) -> None:
        url, client_id, secret = self.given["API"], self.given["CLIENT_ID"], self.given["CLIENT_SECRET"]

        def show(_: object) -> None:
            self.python["told_by_the_person"] = self.at.code()

        async with NotifyClient(url, client_id, secret) as notify:
            self.python |= {"api": url, "API": url, "client_id": client_id, "client_secret": secret}
            self.python |= {"notify": notify, "patient_id": PATIENT_ID, "show": show}
            made = eval(code, self.python)  # noqa: S307 - the page's own example
            if isawaitable(made):
                await made


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that a text begins with, one after the other."""
    decoder = json.JSONDecoder()
    while (text := text.lstrip()).startswith("{"):
        try:
            made, end = decoder.raw_decode(text)
        except ValueError:
            return
        yield made
        text = text[end:]

"""The paper for who moves here: its examples run as they stand there, against a service that delivers."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from esoz_notify.api.compat_govuk import PERMANENT, STATUSES, TECHNICAL, TEMPLATE_IDS
from esoz_notify.api.compat_shapes import GOVUK_STATUSES
from esoz_notify.api.compat_turbosms import STATUSES as WORDS
from esoz_notify.api.compat_turbosms_envelope import Code
from esoz_notify.core.kinds import KINDS, PUBLIC_KINDS

PAPER = (Path(__file__).parents[2] / "docs" / "migrating.md").read_text("utf-8")
_EXAMPLE = re.compile(r"```(sh|python)\n# (\S+)\n(.*?)```", re.DOTALL)
EXAMPLES = {name: (language, code) for language, name, code in _EXAMPLE.findall(PAPER)}
PATIENCE_S = 90.0


class Developer:
    """Who reads the paper. ``run`` an example with what is known so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        known = json.loads((folder / "demo-data" / "dev-client.json").read_text())
        self.lab_url: str = known["lab_url"]
        self.known = {"API": known["base_url"], "CLIENT_ID": known["client_id"]}
        self.known |= {"CLIENT_SECRET": known["client_secret"], "ESOZ_NOTIFY_DATA": str(folder / "demo-data")}

    def run(self, name: str, **more: str) -> str:
        """What an example prints."""
        language, code = EXAMPLES[name]
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        command = ["bash", "-euc", code] if language == "sh" else [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=self.folder, env={**os.environ, **self.known, **more, "PATH": programs},
            capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def text(self, phone: str) -> str:
        """The one message that a handset shows, waited for."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self.lab_url}/phones/{phone}/messages") as reply:  # noqa: S310 - the lab
                    found: list[Any] = json.load(reply)
            except urllib.error.HTTPError:
                found = []
            if found:
                assert len(found) == 1
                return str(found[0]["text"])
            time.sleep(0.1)
        raise AssertionError("nothing has arrived")


def test_who_moves_here_by_the_paper_gets_through(service: Path) -> None:
    """A key, a text by TurboSMS's call, a referral by GOV.UK Notify's own client, a dry run, and the native call."""
    mis = Developer(service)
    mis.known["KEY"] = mis.run("key.sh").splitlines()[-1]
    sent = json.loads(mis.run("turbosms.sh"))
    assert (sent["response_code"], sent["response_status"]) == (800, "SUCCESS_MESSAGE_ACCEPTED")
    (taken,) = sent["response_result"]
    again = json.loads(mis.run("turbosms.sh"))
    assert (again["response_code"], again["response_result"]) == (507, [taken])

    referral_id, status, phone = mis.run("govuk.py").split()
    assert status in GOVUK_STATUSES
    assert phone == "+38000*****72"
    assert mis.text("+380000000071").startswith("Запис на 10:00 підтверджено")
    assert "0123-4567-89AB-CEIK" in mis.text("+380000000072")

    route = json.loads(mis.run("route.sh"))
    assert route["informed"]
    native_id, native_status = mis.run("native.py").split()
    assert native_status == "delivered"
    assert native_id != referral_id
    until, status = time.monotonic() + PATIENCE_S, ""
    while time.monotonic() < until and status not in {"Delivered", "Read"}:
        told = json.loads(mis.run("turbosms_status.sh", MESSAGE_ID=taken["message_id"]))
        status = told["response_result"][0]["status"]
    assert status in {"Delivered", "Read"}


def test_every_example_of_the_paper_is_run() -> None:
    """No example stands there that the test above does not run; the rest of the blocks are output."""
    languages = [one for one in re.findall(r"^```(\w+)$", PAPER, re.MULTILINE) if one != "text"]
    assert len(languages) == len(EXAMPLES)
    told = Path(__file__).read_text("utf-8")
    assert [name for name in EXAMPLES if f'run("{name}"' not in told] == []


def test_the_tables_of_the_paper_are_those_of_the_code() -> None:
    """Template ids, statuses and codes that the paper tells are all that there are, and no others."""
    rows = set(re.findall(r"^\| `(\w+)` \| `([0-9a-f-]{36})` \| (.*) \|$", PAPER, re.MULTILINE))
    fields = {
        (
            name,
            TEMPLATE_IDS[name],
            ", ".join(f"`{one.name}`" + ("" if one.required else " (if any)") for one in KINDS[name].fields),
        )
        for name in PUBLIC_KINDS
    }
    assert rows == fields
    theirs, ours = PAPER.split("## GOV.UK Notify\n")
    for words, part in ((WORDS, theirs), (STATUSES, ours)):
        for status, word in words.items():
            assert re.search(rf"^\| [^|]*`{status}`[^|]* \| {word}[ ;]", part, re.MULTILINE), (status, word)
    assert {*STATUSES.values(), PERMANENT, TECHNICAL} == set(GOVUK_STATUSES)
    table = theirs.partition("| code | HTTP | when |")[2]
    told = {int(one) for row in re.findall(r"^\| ([0-9, ]+) \|", table, re.MULTILINE) for one in row.split(", ")}
    assert told == {int(code) for code in Code} - {Code.PONG}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_holds_nothing_of_anybody(name: str) -> None:
    """Phones of examples are of nobody."""
    assert all(phone.startswith("0000000") for phone in re.findall(r"380(\d{9})", EXAMPLES[name][1]))

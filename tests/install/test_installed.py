"""The wheel, installed from the lock away from any checkout and without any setting, does the whole work."""

import json
import os
from pathlib import Path
from urllib.request import urlopen

import pytest
from tests.install.builds import Installed, run_uv, up

from esoz_notify import __version__

EXTRA = "pip install 'esoz-notify[lab]'"
PHONE = "+380000000001"


def test_it_does_the_whole_work(installed: Installed, tmp_path: Path) -> None:
    """Its version, a look over the machine, the service with its own PostgreSQL and pages, a message that arrives."""
    assert installed.run("esoz-notify", "--version", folder=tmp_path).stdout.strip() == __version__
    with up(installed, tmp_path) as caller:
        given = ["--client", "data/dev-client.json", "--json"]
        asked = ["confirmation_code", "--phone", PHONE, "--data", "verification_code=4821"]
        sent = installed.run("esoz-notify", "send", *asked, "--watch", *given, folder=tmp_path)
        assert (sent.returncode, json.loads(sent.stdout)["status"]) == (0, "delivered"), sent.stderr
        with urlopen(f"{caller['base_url']}/sign-in", timeout=60) as page:  # noqa: S310 - our own on loopback
            assert "<form" in page.read().decode()
    looked = installed.run("esoz-notify", "doctor", "--lab", "--data", "data", "--json", folder=tmp_path)
    assert json.loads(looked.stdout)["ok"], looked.stdout
    names = {one["name"] for one in json.loads(looked.stdout)["checks"]}
    assert {"lab", "PostgreSQL", "migrations", "policies", "texts", "summary"} <= names
    assert installed.home.joinpath("share", "man", "man1", "esoz-notify.1").exists()


@pytest.fixture(scope="module")
def without_lab(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The same without the extra ``lab``."""
    home = tmp_path_factory.mktemp("without") / "venv"
    environment = {**os.environ, "VIRTUAL_ENV": str(home)}
    run_uv(environment, "venv", "--quiet", "--python", str(installed.home / "bin" / "python"), str(home))
    mine = next(home.glob("lib/python*/site-packages"))
    theirs = next(installed.home.glob("lib/python*/site-packages"))
    for entry in theirs.iterdir():
        if not entry.name.startswith(("smpp34", "_virtualenv")):
            (mine / entry.name).symlink_to(entry)
    script = (installed.home / "bin" / "esoz-notify").read_text("utf-8")
    (home / "bin" / "esoz-notify").write_text(script.replace(str(installed.home), str(home)), encoding="utf-8")
    (home / "bin" / "esoz-notify").chmod(0o755)
    return Installed(home)


def test_without_the_lab_it_says_so_in_one_sentence(without_lab: Installed, tmp_path: Path) -> None:
    """What needs the lab names the extra and ends as a wrong call does; the rest answers as ever."""
    for words in (["lab"], ["demo"], ["up", "--lab"], ["bench", "steady"], ["drill"]):
        done = without_lab.run("esoz-notify", *words, folder=tmp_path)
        assert done.returncode == 2, done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert EXTRA in done.stderr
    looked = without_lab.run("esoz-notify", "doctor", "--lab", "--json", folder=tmp_path)
    assert [one["fix"] for one in json.loads(looked.stdout)["checks"] if one["state"] == "bad"] == [EXTRA]
    route = without_lab.run("esoz-notify", "route", "referral_issued", "--phone", PHONE, folder=tmp_path)
    assert (route.returncode, "give --url" in route.stderr) == (2, True), route.stderr
    shown = without_lab.run("esoz-notify", "policy", "show", "--json", folder=tmp_path)
    assert json.loads(shown.stdout)["source"] == "built-in policies", shown.stderr

"""The wheel, installed from the lock away from any checkout and without any setting, does the whole work."""

import json
import os
import subprocess
from pathlib import Path
from urllib.request import urlopen

import pytest
from tests.install.builds import UV, Installed, run_uv, up

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


@pytest.fixture
def pipx(tmp_path: Path) -> dict[str, str]:
    """Where pipx may put what it makes."""
    places = {name: str(tmp_path / name.lower()) for name in ("PIPX_HOME", "PIPX_BIN_DIR", "PIPX_MAN_DIR")}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ESOZ_NOTIFY_")}
    return inherited | places | {"PATH": f"{UV.parent}{os.pathsep}{os.environ['PATH']}"}


def test_pipx_installs_it_with_its_manual(pipx: dict[str, str], wheel: Path, tmp_path: Path) -> None:
    """``pipx run`` without installing, ``pipx install`` with the command and the manual page where people look."""
    command = [UV.parent / "pipx", "run", "--spec", str(wheel), "esoz-notify", "--version"]
    done = subprocess.run(command, cwd=tmp_path, env=pipx, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode and any(word in done.stderr.lower() for word in ("connect", "timed out", "resolve", "network")):
        pytest.skip(f"no package index answers here: {done.stderr[-200:]}")
    assert (done.returncode, done.stdout.strip()) == (0, __version__), done.stderr
    command = [UV.parent / "pipx", "install", str(wheel)]
    subprocess.run(command, cwd=tmp_path, env=pipx, capture_output=True, check=True, timeout=300)
    told = subprocess.run(
        [Path(pipx["PIPX_BIN_DIR"]) / "esoz-notify", "--version"], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == __version__
    assert Path(pipx["PIPX_MAN_DIR"], "man1", "esoz-notify.1").read_text("utf-8").startswith('.\\"')

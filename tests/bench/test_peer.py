"""The comparison with Kannel: the same messages through both, or a word that Kannel is missing. Never a time."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from esoz_notify.bench import kannel
from esoz_notify.bench.house import Site, a_site
from esoz_notify.bench.parts import Options
from esoz_notify.bench.peer import PAIRS, peer
from esoz_notify.installation import read_texts
from esoz_notify.settings import read_settings


def quiet(_what: str, _share: float | None) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A PostgreSQL of the bench's own."""
    with a_site(read_texts(read_settings({})).viber_templates(), quiet) as made:
        yield made


@pytest.mark.skipif(not kannel.installed(), reason="Kannel is not installed")
def test_both_deliver_the_same_messages_once(site: Site) -> None:
    """Rounds alternate; ours and Kannel deliver all they accepted, once, by SMS; nothing of Kannel stays."""
    result = json.loads(json.dumps(peer(site, Options(seconds=0.2), quiet).as_json()))
    assert (result["lost"], result["doubled"], result["refused"]) == (0, 0, 0)
    assert result["channels"] == {"sms": result["notifications"]}
    for side, processes in (("ours", {"api", "worker", "postgres"}), ("kannel", set(kannel.PROGRAMS))):
        figures = result[side]
        assert figures["messages"] >= PAIRS
        assert figures["lost"] == 0
        assert 0 < figures["per_s"]["min"] <= figures["per_s"]["median"] <= figures["per_s"]["max"]
        assert set(figures["cpu_s_per_1000"]) == processes | {"total"}
    assert result["kannel"]["doubled"] == 0
    assert result["ratio_range"][0] <= result["ratio_range"][1]
    left = psutil.process_iter(["cmdline"])
    assert not [one for one in left if str(site.folder / "kannel") in str(one.info["cmdline"])]


def test_without_kannel_nothing_is_compared(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where Kannel's programs are not found the scenario says so, and nothing is wrong."""
    monkeypatch.setattr(shutil, "which", lambda *_args, **_more: None)
    result = peer(site, Options(), quiet)
    assert result.correct
    assert (result.notifications, result.more) == (0, {"skipped": kannel.MISSING})
    assert {"cores", "python", "postgres"} <= set(result.machine)

"""The scenario ``scale``: several APIs and workers over one ledger deliver everything once, and the sums are shown."""

import json
from pathlib import Path

import pytest

from esoz_notify.bench import scale as subject
from esoz_notify.bench.house import a_site
from esoz_notify.bench.parts import Options
from esoz_notify.bench.pictures import draw
from esoz_notify.installation import read_texts
from esoz_notify.settings import read_settings


def test_several_processes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is lost or doubled with two of each, both APIs are sent to, and what loads need is reckoned and drawn."""
    monkeypatch.setattr(subject, "SHAPES", ((1, 1), (2, 2)))
    with a_site(read_texts(read_settings({})).viber_templates(), lambda _what, _share: None) as site:
        result = subject.scale(site, Options(seconds=1.0), lambda _what, _share: None)

    told = json.loads(json.dumps(result.as_json()))
    assert (told["lost"], told["doubled"], told["refused"]) == (0, 0, 0)
    assert [(row["apis"], row["workers"]) for row in told["scale"]] == [(1, 1), (2, 2)]
    assert {"api", "api-2", "worker", "worker-2", "postgres", "lab"} == set(told["rss_mb"])
    for row in told["scale"]:
        assert min(row["lives_per_s"], row["wal_bytes_per_life"], *row["cpu_s"].values()) > 0
    assert [row["lives_per_s"] for row in told["needs"]] == list(subject.LOADS_PER_S)
    assert len(told["model_errors"]) == 2
    assert {path.name for path in draw([result], tmp_path)} >= {"scale.png", "needs.png"}

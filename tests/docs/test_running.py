"""The examples of the papers do what the papers say: each is run against a running service with the lab.

Whoever adds an example: a row of ``fates.STAGES`` says what the page takes for granted.
"""

import json
import subprocess
import sys
from pathlib import Path

from tests.docs.blocks import blocks
from tests.docs.fates import STAGES, TESTED_BY
from tests.docs.session import House, Session, elsewhere

from esoz_notify.settings import environment_for_child

DEMO_S = 280
PLAYED = sorted(
    {
        block.page
        for block in blocks()
        if block.language in {"sh", "python"} and elsewhere(block) is None and block.page not in TESTED_BY
    }
)


def test_examples_of_every_page(running_house: House, tmp_path: Path) -> None:
    """Every command succeeds, every call is answered with 2xx, every piece of Python ends without an error.

    One test, because each process of pytest-xdist would start a service of its own.
    """
    faults = []
    for number, page in enumerate(PLAYED):
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            Session(running_house.seen_from(folder), page).play()
        except AssertionError as fault:
            faults.append(str(fault))
    assert faults == [], "\n\n".join(faults)


def test_the_demo_ends_well(tmp_path: Path) -> None:
    """What `make demo` runs tells every patient of its cases as it says that it does."""
    done = subprocess.run(
        [sys.executable, "-m", "esoz_notify.cli", "demo", "--json"],
        cwd=tmp_path,
        env=environment_for_child(),
        capture_output=True,
        text=True,
        check=False,
        timeout=DEMO_S,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["ok"] is True


def test_no_stage_is_left_behind() -> None:
    """A page that has no examples any more takes its stage along."""
    assert set(STAGES) - set(PLAYED) == set()

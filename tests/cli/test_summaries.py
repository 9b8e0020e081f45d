"""``summaries``: a print run over a real ledger, from what waits or from a list of ids."""

import asyncio
import io
import stat
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pypdf
import pytest
from tests.api.desk import BY_DOCUMENTS, CODE, PATIENT_ID, a_desk
from tests.cli.commands import Done, run

from esoz_notify.store.vault import load_or_create_keys

COUNT = 23
"""More than two slices, and not a whole number of them."""


@dataclass(frozen=True)
class House:
    """A ledger with things to print. ``waiting``: ids in the order in which they were sent."""

    folder: Path
    dsn: str
    waiting: tuple[str, ...]

    def summaries(self, *words: object) -> Done:
        """Run the command."""
        return run("summaries", *words, folder=self.folder, dsn=self.dsn, data=str(self.folder / "data"))

    def statuses(self, ids: tuple[str, ...]) -> set[str]:
        """Statuses that notifications have now."""
        with psycopg.connect(self.dsn) as connection:
            rows = connection.execute(
                "SELECT status FROM delivery WHERE notification_id = ANY(%s::uuid[])", [list(ids)]
            )
            return {status for (status,) in rows}


def _number(place: int) -> str:
    return f"0000-0000-0000-{place:04}"


@pytest.fixture
def house(tmp_path: Path, ledger_dsn: str) -> House:
    """Prescriptions and a referral that wait for print, and one that goes by phone."""

    async def fill() -> tuple[str, ...]:
        keys = load_or_create_keys(tmp_path / "data" / "keys.json")
        async with a_desk(ledger_dsn, keys) as desk:
            await desk.patient(BY_DOCUMENTS)
            ids = []
            for place in range(COUNT):
                data = {"request_number": _number(place), "verification_code": CODE}
                asked = {"kind": "prescription_issued", "patient_id": PATIENT_ID, "data": data}
                ids.append((await desk.send(asked))["id"])
            await desk.send({"kind": "referral_issued", "patient_id": PATIENT_ID, "data": {"requisition": _number(99)}})
            await desk.send()
            return tuple(ids)

    return House(tmp_path, ledger_dsn, asyncio.run(fill()))


def _pages(file: Path) -> list[str]:
    """The words of each page; digits of a code stand apart from each other."""
    return ["".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(file.read_bytes())).pages]


def test_what_waits_is_printed_once(house: House) -> None:
    """One file that only its owner reads, the oldest first, a sheet each with its code; then nothing waits any more."""
    done = house.summaries("--kind", "prescription_issued", "--out", "all.pdf", "--json")
    file = house.folder / "all.pdf"
    pages = _pages(file)
    assert (done.code, done.json["file"], done.json["summaries"]) == (0, "all.pdf", COUNT)
    assert done.json["bytes"] == file.stat().st_size
    assert [_number(place) in page and CODE in page for place, page in enumerate(pages)] == [True] * COUNT
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert house.statuses(house.waiting) == {"printed"}

    again = house.summaries("--kind", "prescription_issued", "--out", "again.pdf")
    assert (again.code, again.out) == (0, "nothing waits for print\n")
    assert not (house.folder / "again.pdf").exists()
    rest = house.summaries("--out", "rest.pdf", "--paper", "a5", "--variant", "large")
    assert (rest.code, rest.out.startswith("1 summaries in ")) == (0, True)
    assert "довідки" in rest.err
    assert _number(99) in _pages(house.folder / "rest.pdf")[0]


def test_only_the_oldest_are_taken(house: House) -> None:
    """A stack for one morning; the others go on waiting."""
    done = house.summaries("--count", 3, "--client", "mis-1", "--out", "three.pdf", "--json")
    assert done.json["summaries"] == 3
    assert [_number(place) in page for place, page in enumerate(_pages(house.folder / "three.pdf"))] == [True] * 3
    assert house.statuses(house.waiting[3:]) == {"print_required"}
    assert house.summaries("--client", "nobody", "--out", "none.pdf", "--json").json["summaries"] == 0


def test_a_list_of_ids_is_printed_in_its_order(house: House) -> None:
    """Each once, whatever its status, also what was printed before."""
    chosen = [house.waiting[place] for place in (5, 2, 5, 9)]
    (house.folder / "ids.txt").write_text("\n".join([*chosen, ""]))
    for name in ("first.pdf", "second.pdf"):
        assert house.summaries("--ids", "ids.txt", "--out", name, "--json").json["summaries"] == 3
    pages = _pages(house.folder / "second.pdf")
    assert [_number(place) in page for place, page in zip((5, 2, 9), pages, strict=True)] == [True] * 3


def test_mistakes_are_told_before_anything_is_printed(house: House) -> None:
    """A wrong line, an unknown id, a file that exists or cannot be made, wishes that exclude each other."""
    (house.folder / "bad.txt").write_text(f"{house.waiting[0]}\nhello\n")
    (house.folder / "unknown.txt").write_text(f"{house.waiting[0]}\n{uuid4()}\n")
    (house.folder / "there.pdf").write_text("")
    mistakes = {
        ("--ids", "bad.txt", "--out", "x.pdf"): (2, "line 2 of bad.txt"),
        ("--ids", "none.txt", "--out", "x.pdf"): (2, "cannot be read"),
        ("--ids", "unknown.txt", "--out", "x.pdf"): (1, "no notification"),
        ("--ids", "bad.txt", "--kind", "prescription_issued", "--out", "x.pdf"): (2, "not both"),
        ("--kind", "recipe", "--out", "there.pdf"): (2, "there.pdf exists already"),
        ("--out", "nowhere/x.pdf"): (2, "nowhere/x.pdf cannot be written"),
    }
    for words, (code, said) in mistakes.items():
        done = house.summaries(*words)
        assert (done.code, said in done.err, "Traceback" in done.err) == (code, True, False), (words, done.err)
    assert not (house.folder / "x.pdf").exists()
    assert house.statuses(house.waiting) == {"print_required"}

"""bulk: a file is checked whole, tried dry, and each of its rows is sent once, whatever stops the command."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.commands import Done, run

from esoz_notify.cli.bulk_journal import journal_of, read_result, result_of
from esoz_notify.settings import environment_for_child

ROWS = 1_000
ALPHABET = "0123456789ABCEHIKMOPTX"
NOBODY = "0198c0de-0000-7000-8000-00000000ffff"


def _number(row: int) -> str:
    letters = "".join(ALPHABET[row // 22**place % 22] for place in range(4))
    return f"0123-4567-89AB-{letters}"


def _phone(row: int) -> str:
    return f"+38000000{row:04}"


def _file(folder: Path, name: str, rows: int, more: str = "") -> Path:
    lines = (f"Направлення створено;{_phone(row)};{_number(row)};\n" for row in range(rows))
    path = folder / name
    path.write_text("Вид;Телефон;Номер;Пацієнт\n" + "".join(lines) + more, encoding="cp1251")
    return path


def _bulk(service: Path, file: Path, *words: object) -> Done:
    return run("bulk", file, *words, "--json", folder=service)


def _lab(service: Path) -> list[dict[str, Any]]:
    client = json.loads((service / "demo-data" / "dev-client.json").read_text())
    with urllib.request.urlopen(f"{client['lab_url']}/submissions", timeout=60) as answer:  # noqa: S310 - it is ours
        taken: list[dict[str, Any]] = json.load(answer)
    return taken


def _stopped(service: Path, file: Path, when: Callable[[dict[str, Any]], bool]) -> None:
    """Run the command and kill it, without a warning, when its journal is so far."""
    command = [sys.executable, "-m", "esoz_notify.cli", "bulk", str(file), "--yes", "--rate", "400"]
    with subprocess.Popen(command, cwd=service, env=environment_for_child(), stderr=subprocess.DEVNULL) as process:
        journal: dict[str, Any] = {}
        while not when(journal):
            assert process.poll() is None, "it was over before it could be killed"
            if journal_of(file).exists():
                journal = json.loads(journal_of(file).read_text())
        process.kill()


def test_killed_and_started_again_it_sends_each_row_once(service: Path) -> None:
    """Kill -9 with a journal, kill -9 and the journal gone: the lab takes one message of each row, and no other."""
    file = _file(service, "many.csv", ROWS, more=f"referral_issued;;{_number(0)};{NOBODY}\n")
    _stopped(service, file, lambda journal: journal.get("chunks", 0) >= 1)
    journal_of(file).unlink()
    _stopped(service, file, lambda journal: journal.get("chunks", 0) >= 3)
    with result_of(file).open("a") as torn:
        torn.write("what a power cut may leave")

    done = _bulk(service, file, "--yes", "--rate", 5_000, "--wait", "--for", 120)
    report = done.json
    assert (done.code, report["accepted"], report["refused"]) == (1, ROWS, 1)
    assert report["ended"] == {"delivered": ROWS}
    assert report["replayed"] >= 200

    rows = list(read_result(file))
    assert [int(row[0]) for row in rows] == list(range(2, ROWS + 3))
    assert (rows[-1][1:4], rows[-1][5:]) == (["", "422", "invalid_input"], ["", ""])
    assert {tuple(row[5:]) for row in rows[:-1]} == {("viber", "delivered")}
    taken = _lab(service)
    by_id = {one["client_reference"].rpartition(".")[0]: one for one in taken}
    assert len(taken) == len(by_id) == ROWS
    for number, row in enumerate(rows[:-1]):
        assert by_id[row[1]]["msisdn"] == _phone(number)
        assert _number(number) in by_id[row[1]]["text"]

    again = _bulk(service, file, "--yes")
    assert (again.code, again.json["accepted"], len(_lab(service))) == (1, ROWS, ROWS)

    file.write_text(file.read_text("cp1251").replace(_phone(7), _phone(9_999)), encoding="cp1251")
    changed = _bulk(service, file, "--yes")
    assert (changed.code, "was changed" in changed.err, len(_lab(service))) == (2, True, ROWS)


def test_other_options_do_not_send_the_same_file_twice(service: Path) -> None:
    """With the journal a changed option is named; without it the service itself knows the rows."""
    file = service / "kinds.csv"
    file.write_text(f"phone,request_number\n+380000009000,{_number(9_000)}\n")
    assert _bulk(service, file, "--yes", "--kind", "referral_issued").code == 0
    other = _bulk(service, file, "--yes", "--kind", "referral_recalled")
    assert (other.code, "another kind" in other.err) == (2, True)
    journal_of(file).unlink()
    other = _bulk(service, file, "--yes", "--kind", "referral_recalled")
    assert (other.code, "was sent before with another kind" in other.err) == (2, True)
    assert _bulk(service, file, "--yes", "--kind", "referral_issued").json["replayed"] == 1


def test_a_dry_run_sends_nothing(service: Path) -> None:
    """It tells kinds, channels, money and time, in words and as JSON, and leaves no journal."""
    before = len(_lab(service))
    file = _file(service, "dry.csv", 30, more=f"referral_issued;;{_number(0)};{NOBODY}\n")
    report = _bulk(service, file, "--dry-run", "--rate", 10).json
    assert (report["rows"], report["kinds"], report["sent"]) == (31, {"referral_issued": 31}, False)
    assert (report["channels"], report["nobody"], report["seconds"]) == ({"viber": 30}, 1, 3.1)
    assert report["cost_uah"] == {"least": "11.40", "most": "13.50"}
    assert (report["encoding"], report["separator"], report["form"]) == ("cp1251", ";", "csv")
    shown = run("bulk", file, "--dry-run", folder=service)
    assert (shown.code, "від 11,40" in shown.err, "Viber: 30" in shown.err) == (0, True, True)
    assert (journal_of(file).exists(), result_of(file).exists(), len(_lab(service))) == (False, False, before)


def test_a_file_with_faults_is_not_sent(service: Path) -> None:
    """Rows, columns and what to do go to a file for a spreadsheet; mended, the same command goes through."""
    before = len(_lab(service))
    file = _file(service, "faults.csv", 3, more=f"рецепт;123;{_number(1)};\n")
    done = run("bulk", file, "--yes", folder=service)
    assert (done.code, "Такого виду сповіщень немає" in done.err, _number(1) in done.err) == (1, True, False)
    errors = file.with_name("faults.csv.errors.csv")
    lines = errors.read_text("utf-8-sig").splitlines()
    assert lines[0] == "Рядок;Стовпець;Що не так;Як виправити"
    assert [line.split(";")[:2] for line in lines[1:]] == [["5", "Вид"], ["5", "Телефон"]]
    file.write_bytes(b"PK\x00\x03")
    whole = _bulk(service, file, "--yes")
    assert (whole.code, whole.json["faults"], len(_lab(service))) == (2, 1, before)
    assert "not a text file" in run("bulk", file, "--yes", "--language", "en", folder=service).err
    file.write_text(
        json.dumps({
            "kind": "referral_issued", "recipient": {"phone": _phone(1)}, "data": {"request_number": _number(1)},
        })
    )  # fmt: skip
    assert (_bulk(service, file, "--dry-run").code, errors.exists()) == (0, False)


@pytest.mark.parametrize(
    "words",
    [
        ("no-such-file.csv", "--yes"),
        ("rows.csv",),
        ("rows.csv", "--yes", "--kind", "confirmation_code"),
        ("rows.csv", "--yes", "--separator", "|"),
    ],
)
def test_a_wrong_call_is_told_before_any_service_is_asked(tmp_path: Path, words: tuple[str, ...]) -> None:
    """One sentence, exit code 2, no traceback."""
    _file(tmp_path, "rows.csv", 2)
    done = run(
        "bulk", *words, "--url", "http://127.0.0.1:1", "--client-id", "a", "--client-secret", "b", folder=tmp_path
    )
    assert (done.code, done.out, "Traceback" in done.err) == (2, "", False)
    assert done.err.strip()

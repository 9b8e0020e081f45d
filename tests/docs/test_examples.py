"""Every example of the papers has somebody who runs or reads it; nothing in them names what does not exist.

What is run: ``test_running``. The tables in which a new page finds its place: ``fates``.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.architecture import house
from tests.docs.blocks import Block, blocks, blocks_of, pages, spoken_commands
from tests.docs.examples import (
    command_faults,
    ini_faults,
    json_faults,
    make_faults,
    notify_faults,
    sql_faults,
    toml_faults,
    yaml_faults,
)
from tests.docs.fates import ELSEWHERE, LANGUAGES, TESTED_BY
from tests.docs.session import elsewhere

READERS: Mapping[str, Callable[[Block], Iterator[str]]] = {
    "json": json_faults,
    "yaml": yaml_faults,
    "ini": ini_faults,
    "sql": sql_faults,
}
OURS = [block for block in blocks() if block.page not in TESTED_BY]


def test_every_block_has_a_fate() -> None:
    """A block without a language, or with one that nobody runs or reads, is told with its place and what to do."""
    known = ", ".join(LANGUAGES)
    lost = [
        f"{block.where}: a block in {block.language!r}: fence it in a language of {known}; or write a test that reads"
        " it from the page, and a row in TESTED_BY of tests/docs/fates.py"
        if block.language
        else f"{block.where}: a block without a language: fence it as ```sh, as ```text if it is only shown; {known}"
        for block in OURS
        if block.language not in LANGUAGES
    ]
    assert lost == [], "\n".join(lost)


def _faults(block: Block, folder: Path) -> Iterator[str]:
    """What is wrong with a block that is data."""
    if block.language == "toml":
        yield from toml_faults(block, folder)
    elif block.language in READERS:
        yield from READERS[block.language](block)


def test_data_are_read(tmp_path: Path) -> None:
    """JSON is of the shape that it names, a TOML file is taken by its reader, YAML, SQL and the rest can be parsed."""
    faults = [f"{block.where}: {fault}" for block in OURS for fault in _faults(block, tmp_path)]
    assert faults == [], "\n".join(faults)


def test_what_is_run_elsewhere_exists() -> None:
    """Of commands that cannot be run here every option, target, script and file exists."""
    faults = [
        f"{block.where}: {fault}"
        for block in OURS
        if elsewhere(block) is not None
        for fault in command_faults(block.text)
    ]
    assert faults == [], "\n".join(faults)


def test_commands_in_sentences_exist() -> None:
    """`esoz-notify …` and `make …` between the words of a paper name commands, options and targets that are there."""
    faults = []
    for page in pages():
        for line, text in spoken_commands(page):
            program, *words = text.split()
            words = words[: words.index("…")] if "…" in words else words
            found = notify_faults(words, whole=False) if program == "esoz-notify" else make_faults(words[:1])
            faults += [f"{page}:{line}: `{text}`: {fault}" for fault in found]
    assert faults == [], "\n".join(faults)


def test_rows_of_the_tables_are_alive() -> None:
    """A row of ELSEWHERE has its block and its runner; a page of TESTED_BY has a test that names it."""
    dead = [row for row in ELSEWHERE if not any(elsewhere(block) is row for block in OURS)]
    dead += [row for row in ELSEWHERE if not (house.ROOT / row.by).exists()]
    assert dead == []
    for page, test in TESTED_BY.items():
        assert (house.ROOT / page).exists(), f"TESTED_BY of tests/docs/fates.py: there is no {page}"
        text = (house.ROOT / test).read_text("utf-8")
        assert page.rpartition("/")[2] in text, f"{test} is said to run the examples of {page} and does not name it"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("```json shape=Nothing\n{}\n```", "says no shape"),
        ("```json\n{}\n```", "says no shape"),
        ("```json shape=Problem\n{,}\n```", "is no JSON"),
        ('```json shape=Check\n{"name": "ledger", "…": "…", "oki": true}\n```', "is no Check"),
        ('```json shape=Check\n{"name": 7, "…": "…"}\n```', "is no Check"),
        ("```yaml\na: [\n```", "is no YAML"),
        ("```ini\nno equals\n```", "cannot be read"),
        ("```sql\nSELECT FROM WHERE\n```", "is no SQL"),
        ('```toml\n[[provider]]\nname = "A B"\n```', "is not taken"),
        ("```toml\nportt = 8080\n```", "is not taken"),
        ("```sh\nesoz-notify clinets list\n```", "esoz-notify has no clinets"),
        ("```sh\nesoz-notify clients list --jsn\n```", "has no --jsn"),
        ("```sh\nX=1 esoz-notify clients create | cat\n```", "Missing"),
        ("```sh\nmake nothing\n```", "the Makefile has no nothing"),
        ("```sh\nmake fuzz MINUTE=1\n```", "the Makefile has no MINUTE"),
        ("```sh\nsh scripts/nothing.sh\n```", "there is no scripts/nothing.sh"),
        ("```sh\nsystemctl restart x && teleport there\n```", "'teleport' is a program that nobody knows"),
    ],
)
def test_every_reader_bites(text: str, told: str, tmp_path: Path) -> None:
    """A reader that refuses nothing would take any page: each refuses the example beside it."""
    (block,) = blocks_of("page.md", text)
    faults = command_faults(block.text) if block.language == "sh" else _faults(block, tmp_path)
    assert told in "\n".join(faults)

"""The information summary as PDF and as plain text: what the page says, that it fits, and how the file is made."""

import io
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pypdf
import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.render.sheets import CROWDED, FORMS, LOST, PRESCRIPTION, TYPES, VISIT, WHO, form_name, sample

from esoz_notify.core.errors import InvalidInput
from esoz_notify.core.kinds import CODE_FIELD, KINDS
from esoz_notify.core.paper import PAPER_DETAILS, CodeFate
from esoz_notify.render import summary as module
from esoz_notify.render.summary import Form, Paper, Summary, Variant, fingerprint, html, pdf, read_summary, text
from esoz_notify.render.summary_kinds import PLAIN, STANDARD
from esoz_notify.render.summary_page import plural, sheet
from esoz_notify.render.summary_words import LARGE_LEAVES_OUT, PAGE

EVERY_FORM = pytest.mark.parametrize("form", FORMS, ids=form_name)


def _read(document: bytes) -> str:
    """The text layer of all pages."""
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(document)).pages)


def _page_count(document: bytes) -> int:
    return len(pypdf.PdfReader(io.BytesIO(document)).pages)


def _bare(words: str) -> str:
    """Without what line breaking adds: spaces, hyphens, invisible break marks."""
    return re.sub("[\\s\u00ad\u200b-]", "", words)


def _drawn(documents: list[Summary], form: Form) -> dict[str, str]:
    """The words of each drawing."""
    return {"pdf": _read(pdf([documents], form)), "html": html(documents, form), "text": text(documents, form)}


def _said(summary: Summary, form: Form) -> list[str]:
    """Everything that a sheet with this document alone has to say."""
    page = sheet([summary], form.variant)
    (one,) = page["documents"]
    rows = [word for row in (*one["answers"], *one["rows"]) for word in row]
    lines = [one[name] for name in ("title", "number_label", "number", "code", "code_note", "identity")]
    words = [*lines, *rows, page["heading"], page["system"], page["fraud"], page["fraud_heading"], page["digest"]]
    return [line for word in words if word for line in word.split("\n")]


@EVERY_FORM
@pytest.mark.parametrize("summary", TYPES, ids=lambda one: one.kind)
def test_the_text_layer_is_the_data(summary: Summary, form: Form) -> None:
    """What a screen reader or a search finds is what the page says, every Ukrainian letter included."""
    document = pdf([[summary]], form)
    found = _bare(_read(document))
    assert [words for words in _said(summary, form) if _bare(words) not in found] == []
    assert _page_count(document) == 1


@pytest.mark.parametrize("summary", TYPES, ids=lambda one: one.kind)
def test_every_detail_given_is_on_the_page(summary: Summary) -> None:
    """Nothing that a clinic sends is dropped, but what large print does without; ages and days are in words."""
    shown = {**summary.details, "patient_age": "67 років", "doctor_phone": "+380 00 000 00 12",
             "facility_phone": "+380 00 000 00 13"}  # fmt: skip
    for name in shown.keys() & {"created_at", "dispense_valid_to", "valid_to", "started_at", "ended_at"}:
        day = datetime.fromisoformat(shown[name])
        shown[name] = f"{day.day} {PAGE['uk'].months[day.month - 1]} {day.year} року"
    for form in FORMS:
        expected = [
            value for name, value in shown.items() if not (form.variant is Variant.LARGE and name in LARGE_LEAVES_OUT)
        ]
        for drawing, words in _drawn([summary], form).items():
            assert [value for value in expected if _bare(value) not in _bare(words)] == [], (form, drawing)


def test_every_detail_of_the_table_has_a_place() -> None:
    """A detail that intake takes and no page shows would be a promise broken in silence."""
    for kind, row in PAPER_DETAILS.items():
        for number, name in enumerate(row.names):
            value = f"{2030 + number}-01-02" if name.endswith(("_at", "_to")) else f"щось{number}"
            words = text([replace(sample(kind), details={name: value})])
            assert (str(2030 + number) if name.endswith(("_at", "_to")) else value) in words, (kind, name)


@pytest.mark.parametrize("variant", Variant)
@pytest.mark.parametrize("language", ["uk", "en"])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_its_words(kind: str, language: str, variant: Variant) -> None:
    """Each kind has its title and its answers in every wording and language, and fits one sheet."""
    bare = Summary(
        document_id="x", kind=kind, number="0123-4567-89AB-CEIK", code=None, code_fate=CodeFate.NONE, valid_until=None,
        issued_at=PRESCRIPTION.issued_at, details={}, language=language,
    )  # fmt: skip
    document = pdf([[bare]], Form(Paper.A5, variant))
    assert _page_count(document) == 1
    assert [words for words in _said(bare, Form(variant=variant)) if _bare(words) not in _bare(_read(document))] == []


@EVERY_FORM
@pytest.mark.parametrize("summary", CROWDED.values(), ids=CROWDED.keys())
def test_long_values_fit_one_page(summary: Summary, form: Form) -> None:
    """Every detail at its longest, the code and a wide number: still one sheet, and no letter is lost."""
    document = pdf([[summary]], form)
    value = summary.details["medication"]
    shown = [name for name in summary.details if not (form.variant is Variant.LARGE and name in LARGE_LEAVES_OUT)]
    assert _page_count(document) == 1
    assert _bare(_read(document)).count(_bare(value)) == len(shown)


# --- the code ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["uk", "en"])
@pytest.mark.parametrize("fate", [CodeFate.BY_PHONE, CodeFate.ERASED, CodeFate.WITHDRAWN])
def test_a_page_without_its_code_says_why(fate: CodeFate, language: str) -> None:
    """No drawing holds the code, and each has the sentence of its fate in the page's language."""
    for drawing, words in _drawn([replace(LOST, code_fate=fate, language=language)], Form()).items():
        assert _bare(PAGE[language].no_code[fate]) in _bare(words), drawing
        assert "4071" not in words


def test_an_erased_code_is_told_in_ukrainian() -> None:
    """Who asks later learns that the code is no longer available, and where to get another."""
    words = text([replace(LOST, code_fate=CodeFate.ERASED)])
    assert "Код підтвердження більше не доступний" in words
    assert "зверніться до лікаря" in words.replace("\n", " ")


def test_the_code_is_the_largest_thing_said() -> None:
    """On every sheet its letters are larger than those of the number and of the title."""
    sizes: dict[str, float] = {}

    def visit(words: str, _cm: object, matrix: list[float], _font: object, size: float) -> None:
        for known in ("4071", "0000", "рецепт"):
            if known in _bare(words):
                sizes[known] = max(sizes.get(known, 0), size * abs(matrix[0]))

    for form in FORMS:
        sizes.clear()
        pypdf.PdfReader(io.BytesIO(pdf([[PRESCRIPTION]], form))).pages[0].extract_text(visitor_text=visit)
        assert len(sizes) == 3
        assert sizes["4071"] == max(sizes.values()), (form, sizes)


def test_a_summary_with_a_code_and_a_fate_that_forbids_it_cannot_be_made() -> None:
    """The two would contradict each other on paper."""
    with pytest.raises(AssertionError):
        replace(PRESCRIPTION, code_fate=CodeFate.BY_PHONE)


def test_whoever_carries_a_code_says_whom_to_tell_it() -> None:
    """The box with the code has its sentence in every wording and language."""
    for words in (STANDARD, PLAIN):
        for kind, by_language in words.items():
            assert all(
                (one.code_hint is not None) == (KINDS[kind].secret_field == CODE_FIELD) for one in by_language.values()
            ), kind


def test_the_hash_does_not_give_the_code_away() -> None:
    """Ten thousand tries would find a code of four digits in a hash that it is part of."""
    assert fingerprint([PRESCRIPTION]) == fingerprint([replace(PRESCRIPTION, code="9999")])
    assert fingerprint([PRESCRIPTION]) != fingerprint([LOST])


def test_a_long_word_is_divided_as_ukrainian_is() -> None:
    """A word that a line may have no room for breaks with a hyphen, each part at least two letters with a vowel."""
    word = "електроенцефалографічний"
    page = replace(sample("referral_issued"), details={"service": f"х {word} " * 12})
    parts = []
    for form in FORMS:
        words = _read(pdf([[page]], form)).replace("\u00ad", "-")
        assert _bare(words).count(word) == 12
        parts += re.findall("([а-яі]+)-\n([а-яі]+)", words)
    assert parts
    assert word in {first + last for first, last in parts}
    assert all(len(part) > 1 and re.search("[аеиіоу]", part) for both in parts for part in both)


def test_plain_and_large_print_keep_words_whole() -> None:
    """Whoever reads with effort is not made to put words together."""
    page = replace(sample("referral_issued"), details={"service": "призначення обстеження лікування " * 8})
    ends = {variant: re.findall("[а-я]+[-\u00ad]$", _read(pdf([[page]], Form(Paper.A5, variant))), re.MULTILINE)
            for variant in Variant}  # fmt: skip
    assert (ends[Variant.PLAIN], ends[Variant.LARGE]) == ([], [])


# --- several documents ------------------------------------------------------------------------------------------------


def test_documents_of_one_visit_share_a_sheet() -> None:
    """When they fit: every number and code is there, who the patient and the doctor are is said once."""
    document = pdf([VISIT])
    words = _bare(_read(document))
    assert _page_count(document) == 1
    for one in VISIT:
        assert _bare(str(one.number)) in words
        assert _bare(one.document_id) in words
    assert words.count(_bare(WHO["doctor"])) == words.count(_bare(WHO["patient_name"])) == 1
    assert fingerprint(VISIT) in words


def test_documents_that_do_not_fit_get_a_sheet_each() -> None:
    """Letters too small to read are no way to save paper: each page is then the one it would be alone."""
    apart = pdf([VISIT], Form(Paper.A5))
    assert _page_count(apart) == len(VISIT)
    for page, one in zip(pypdf.PdfReader(io.BytesIO(apart)).pages, VISIT, strict=True):
        alone = pypdf.PdfReader(io.BytesIO(pdf([[one]], Form(Paper.A5)))).pages[0]
        assert page.extract_text() == alone.extract_text()


def test_what_differs_is_said_with_each_document() -> None:
    """Two doctors of one visit stay with their own documents."""
    other = replace(VISIT[1], details={**VISIT[1].details, "doctor": "Йосипенко Ї. Ґ."})
    page = sheet([VISIT[0], other], Variant.STANDARD)
    assert "Лікар" not in [label for label, _ in page["people"]]
    assert [dict(one["rows"])["Лікар"] for one in page["documents"]] == [WHO["doctor"], "Йосипенко Ї. Ґ."]


def test_many_sheets_in_one_file() -> None:
    """A run of summaries is one file, a sheet each, in order."""
    pages = [[replace(PRESCRIPTION, number=f"0000-0000-0000-{count:04}")] for count in range(5)]
    reader = pypdf.PdfReader(io.BytesIO(pdf(pages)))
    assert [str(one.number) in page.extract_text() for (one,), page in zip(pages, reader.pages, strict=True)] == [
        True
    ] * 5


# --- the file ---------------------------------------------------------------------------------------------------------


def _tags(element: Any) -> Iterator[Any]:
    """Every structure element of a part of the tree, parents first."""
    element = element.get_object()
    if isinstance(element, dict):
        yield element
        yield from _tags(element.get("/K", pypdf.generic.NullObject()))
    elif isinstance(element, list):
        for child in element:
            yield from _tags(child)


@EVERY_FORM
def test_the_page_is_archivable_and_accessible(form: Form) -> None:
    """PDF/A-2a and PDF/UA-1 by its own word: tagged, with its language and a title that viewers show."""
    document = pdf([VISIT], form)
    reader = pypdf.PdfReader(io.BytesIO(document))
    xmp = document[document.index(b"<?xpacket begin") :].decode("utf-8", "replace")
    for part in ("pdfaid:part>2<", "pdfaid:conformance>A<", "pdfuaid:part>1<"):
        assert part in xmp
    root: Any = reader.root_object
    assert bool(root["/MarkInfo"]["/Marked"])
    assert str(root["/Lang"]) == "uk"
    assert bool(root["/ViewerPreferences"]["/DisplayDocTitle"])
    assert reader.metadata is not None
    titles = sheet(VISIT, form.variant)["title"]
    assert reader.metadata.title == titles
    assert titles.startswith("Інформаційна довідка: ")
    assert all("/Tabs" in page for page in reader.pages)


def test_the_tags_tell_what_each_part_is() -> None:
    """A screen reader finds a heading of the first level, the table, and words in place of both marks."""
    root: Any = pypdf.PdfReader(io.BytesIO(pdf([[PRESCRIPTION]]))).root_object
    found = list(_tags(root["/StructTreeRoot"]["/K"]))
    kinds = [str(one.get("/S")) for one in found]
    assert kinds.count("/H1") == 1
    assert kinds.count("/Table") == 1
    assert kinds.count("/TR") == len(sheet([PRESCRIPTION], Variant.STANDARD)["documents"][0]["answers"]) + len(
        sheet([PRESCRIPTION], Variant.STANDARD)["documents"][0]["rows"]
    )
    alternatives = [str(one["/Alt"]) for one in found if one.get("/S") == "/Figure"]
    assert sorted(alternatives) == [
        "QR-код, у якому записано номер 0000-243P-1X53-EH38",
        "Штрихкод Code 128, у якому записано номер 0000-243P-1X53-EH38",
    ]


def test_only_the_bundled_letters_are_used() -> None:
    """The page looks the same on every machine: its fonts come with the package and lie in the file."""
    names: set[str] = set()

    def visit(text: str, _cm: object, _tm: object, font: dict[str, object] | None, _size: float) -> None:
        if font is not None and text.strip():
            names.add(str(font["/BaseFont"]))

    pypdf.PdfReader(io.BytesIO(pdf([[PRESCRIPTION]]))).pages[0].extract_text(visitor_text=visit)
    assert {re.sub(r"^/[A-Z]+\+", "", name) for name in names} == {"NotoSans-Regular", "NotoSans-Bold"}


def test_the_page_is_drawn() -> None:
    """Rasterised, the page has ink: more than a little, far from all, and its code box is among it."""
    with_code, without = _ink(pdf([[PRESCRIPTION]])), _ink(pdf([[LOST]]))
    assert 0.02 < with_code < 0.3
    assert with_code > without


def _ink(document: bytes) -> float:
    bitmap = pypdfium2.PdfDocument(document)[0].render(scale=1, grayscale=True)
    levels = bytes(bitmap.buffer)
    return sum(level < 128 for level in levels) / len(levels)


def test_equal_summaries_give_equal_bytes(tmp_path: Path) -> None:
    """The page can be made again and compared: same bytes now, and in another process with another hash seed."""
    document = pdf([[PRESCRIPTION]])
    program = "import pickle, sys; from esoz_notify.render import summary; "
    program += "sys.stdout.buffer.write(summary.pdf([[pickle.load(sys.stdin.buffer)]]))"
    other = subprocess.run(
        [sys.executable, "-c", program],
        input=pickle.dumps(PRESCRIPTION),
        capture_output=True,
        check=True,
        cwd=tmp_path,
        env={"PYTHONHASHSEED": "7"},
    )
    assert pdf([[replace(PRESCRIPTION)]]) == document
    assert other.stdout == document


def test_pages_may_be_made_at_the_same_time() -> None:
    """Threads that draw different pages get their own, each as if it were drawn alone."""
    pages = [replace(PRESCRIPTION, number=f"0000-0000-0000-{count:04}") for count in range(24)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(pdf, [[[one]] for one in pages]))
    assert [
        number.number for number, document in zip(pages, together, strict=True) if pdf([[number]]) != document
    ] == []


def test_data_is_never_markup() -> None:
    """Whatever a value looks like in the page's language, it is printed as it is written."""
    value = '#panic("x") $x^2$ *b* _i_ <a> @ref \\ "q" \' `raw` {{ 7 * 7 }} // c'
    document = pdf([[replace(PRESCRIPTION, details={"medication": value}, document_id='#read("summary.py")')]])
    assert _bare(value) in _bare(_read(document))
    assert _bare('#read("summary.py")') in _bare(_read(document))


def test_every_allowed_letter_can_be_drawn() -> None:
    """PDF/A forbids a letter without a glyph, so each letter that a caller may send must have one."""
    letters = [chr(code) for first, last in module._DRAWN_RANGES for code in range(first, last + 1)]
    letters = [*letters, *module._DRAWN_BESIDES]
    for start in range(0, len(letters), 350):
        details = {"notes": "".join(letters[start : start + 350])}
        assert _page_count(pdf([[replace(PRESCRIPTION, details=details)]])) == 1


def test_a_fingerprint_changes_with_anything_the_page_says() -> None:
    """No two different pages share it."""
    pages = [
        PRESCRIPTION,
        LOST,
        replace(LOST, code_fate=CodeFate.ERASED),
        replace(PRESCRIPTION, number="0000-243P-1X53-EH39"),
        replace(PRESCRIPTION, details={**PRESCRIPTION.details, "dosage": "По 2 таблетки"}),
        replace(PRESCRIPTION, language="en"),
        replace(PRESCRIPTION, document_id="0198c0de-0000-7000-8000-000000000002"),
    ]
    assert len({fingerprint([page]) for page in pages}) == len(pages)


def test_a_summary_hides_what_is_personal() -> None:
    """The repr of a page reaches no log with a number, a code or a name in it."""
    shown = repr(PRESCRIPTION)
    assert [word for word in ("4071", "243P", "Ґалаґан", "+380") if word in shown] == []


# --- reading ----------------------------------------------------------------------------------------------------------


def test_no_details_are_no_problem() -> None:
    """A page without details still has its number."""
    assert read_summary("prescription_issued", None) == {}


def test_details_must_be_an_object() -> None:
    """A list or a text is refused as a whole."""
    with pytest.raises(InvalidInput, match="/summary: must be an object of texts"):
        read_summary("referral_issued", ["x"])


@pytest.mark.parametrize("value", ["שלום", "مرحبا", "💊", "藥", "\u0951"])
def test_what_cannot_be_printed_is_refused_at_intake(value: str) -> None:
    """Writing from right to left, pictures and letters that the fonts lack would break the page when it is too late."""
    with pytest.raises(InvalidInput, match="cannot be printed"):
        read_summary("referral_issued", {"service": f"ЕКГ {value}"})


@given(st.integers(0, 150))
def test_years_are_counted_as_ukrainian_does(years: int) -> None:
    """1 рік, 2 роки, 5 років; 11 to 14 are as 5."""
    word = plural(years, PAGE["uk"].years)
    if 11 <= years % 100 <= 14 or years % 10 in {0, 5, 6, 7, 8, 9}:
        assert word == "років"
    else:
        assert word == ("рік" if years % 10 == 1 else "роки")


def test_an_age_that_is_not_a_number_stays_as_it_is() -> None:
    """A baby is 5 months old, and no word is added to that."""
    assert "Вік: 5 місяців" in text([replace(PRESCRIPTION, details={"patient_age": "5 місяців"})])


def test_until_when_is_the_documents_own_day() -> None:
    """Only a page with a code and no such day says how long it is good for itself; a referral is not over with it."""
    assert "До якого дня: 21 грудня 2026 року" in text([PRESCRIPTION])
    undated = {name: value for name, value in PRESCRIPTION.details.items() if name != "dispense_valid_to"}
    assert "Довідка дійсна до: 23 листопада 2026 року, 12:00" in text([replace(PRESCRIPTION, details=undated)])
    for page in (replace(LOST, details=undated), replace(sample("referral_issued"), details={})):
        assert "2026 року, 12:00" not in text([page])

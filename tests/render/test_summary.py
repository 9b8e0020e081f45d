"""The information summary: what callers may put on it, and the page as PDF."""

import io
import pickle
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pypdf
import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st

from esoz_notify.core.errors import InvalidInput
from esoz_notify.core.kinds import KINDS
from esoz_notify.render import summary as module
from esoz_notify.render.summary import Summary, fingerprint, html, pdf, read_summary
from esoz_notify.render.summary_words import DETAILS, KIND_WORDS, PAGE

DETAILS_GIVEN = {
    "patient_name": "Ґалаґан Є. Ї.",
    "patient_age": "67 років",
    "medication": "Амлодипін, таблетки по 5 мг",
    "dosage": "По 1 таблетці вранці щодня, запивати водою",
    "programme": "Доступні ліки",
    "dispense_valid_to": "2026-12-21",
    "doctor": "Щербак-Їжакевич О. М.",
    "doctor_phone": "+380 00 000 00 12",
    "facility": "КНП «Центр первинної допомоги № 2»",
    "facility_address": "м. Вінниця, вул. Зодчих, 9",
}
SUMMARY = Summary(
    document_id="0198c0de-0000-7000-8000-000000000001",
    kind="prescription_issued",
    number="0000-243P-1X53-EH38",
    code="4071",
    valid_until=datetime(2026, 11, 23, 10, tzinfo=UTC),
    issued_at=datetime(2026, 11, 22, 8, 5, tzinfo=UTC),
    details=DETAILS_GIVEN,
)
SENTENCE = "Приймати по одній таблетці тричі на день після їжі, запиваючи склянкою води; ґанок, єдність, їжак. "
LONG = (SENTENCE * 5)[:400].strip()


def _text(document: bytes) -> str:
    return pypdf.PdfReader(io.BytesIO(document)).pages[0].extract_text()


def _bare(text: str) -> str:
    """Without what line breaking adds: spaces, hyphens, invisible break marks."""
    return re.sub("[\\s\u00ad\u200b-]", "", text)


def _all_long(kind: str, value: str) -> dict[str, str]:
    return {detail.key: value for detail in DETAILS if detail.belongs_to(kind)}


def test_the_text_layer_is_the_data() -> None:
    """What a screen reader or a search finds is what was given, every Ukrainian letter included."""
    text = _text(pdf(SUMMARY))
    shown = {**DETAILS_GIVEN, "dispense_valid_to": "21 грудня 2026 року"}
    assert [value for value in shown.values() if value not in text] == []
    assert "0000-243P-1X53-EH38" in text
    assert "4071" in _bare(text)
    assert "23 листопада 2026 року, 12:00" in text
    assert SUMMARY.document_id in text
    assert fingerprint(SUMMARY)[:16].upper() in _bare(text)
    assert PAGE["uk"].fraud_heading in text


@pytest.mark.parametrize("language", ["uk", "en"])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_is_one_page(kind: str, language: str) -> None:
    """Each kind has its title and its steps, and fits one sheet in both forms."""
    page = replace(SUMMARY, kind=kind, language=language, details={}, code=None)
    document = pdf(page)
    assert len(pypdf.PdfReader(io.BytesIO(document)).pages) == 1
    words = KIND_WORDS[kind][language]
    for part in (words.title, words.number_label, *words.steps):
        assert _bare(part) in _bare(_text(document))
        assert part in html(page)


def test_the_page_is_archivable_and_accessible() -> None:
    """PDF/A-2a and PDF/UA-1, tagged, with its language and a title."""
    document = pdf(SUMMARY)
    reader = pypdf.PdfReader(io.BytesIO(document))
    xmp = document[document.index(b"<?xpacket begin") :].decode("utf-8", "replace")
    assert "<pdfaid:part>2</pdfaid:part>" in xmp
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in xmp
    assert "<pdfuaid:part>1</pdfuaid:part>" in xmp
    assert b"/MarkInfo" in document
    assert "/StructTreeRoot" in reader.root_object
    assert str(reader.root_object["/Lang"]) == "uk"
    assert reader.metadata is not None
    assert reader.metadata.title == "Інформаційна довідка: Електронний рецепт"


def test_only_the_bundled_letters_are_used() -> None:
    """The page looks the same on every machine: its fonts come with the package and lie in the file."""
    names: set[str] = set()

    def visit(text: str, _cm: object, _tm: object, font: dict[str, object] | None, _size: float) -> None:
        if font is not None and text.strip():
            names.add(str(font["/BaseFont"]))

    pypdf.PdfReader(io.BytesIO(pdf(SUMMARY))).pages[0].extract_text(visitor_text=visit)
    assert {re.sub(r"^/[A-Z]+\+", "", name) for name in names} == {"NotoSans-Regular", "NotoSans-Bold"}


def test_the_code_is_on_paper_only_when_given() -> None:
    """Without a code neither form holds one, and a sentence says where it is."""
    page = replace(SUMMARY, code=None)
    for text in (_text(pdf(page)), html(page)):
        assert "4071" not in text
        assert _bare("Коду підтвердження на цьому аркуші немає") in _bare(text)
    assert "4071" in html(SUMMARY)
    assert "на цьому аркуші немає" not in html(SUMMARY)


def test_a_note_of_the_caller_replaces_the_general_one() -> None:
    """The engine knows better why there is no code."""
    page = replace(SUMMARY, code=None, code_note="Код уже доставлено на телефон довіреної особи.")
    assert _bare("Код уже доставлено на телефон довіреної особи.") in _bare(_text(pdf(page)))
    assert "на цьому аркуші немає" not in html(page)


def test_a_kind_without_codes_does_not_speak_of_them() -> None:
    """A referral has a number only."""
    page = replace(SUMMARY, kind="referral_issued", code=None, details={})
    assert PAGE["uk"].code_label not in html(page)


def test_the_reader_is_told_to_call_only_when_there_is_a_number() -> None:
    """The last step points at a phone on the page, so it is there only with one."""
    assert "зателефонуйте за номером" in html(SUMMARY)
    assert "зателефонуйте за номером" not in html(replace(SUMMARY, details={"doctor": "Щербак О. М."}))


@pytest.mark.parametrize("value", [LONG, "Щ" * 400, "ю" * 400], ids=["sentences", "wide", "one word"])
@pytest.mark.parametrize("kind", ["prescription_issued", "device_request_issued"])
def test_long_values_fit_one_page(kind: str, value: str) -> None:
    """Every detail at its longest, the code and a wide number: still one sheet, and no letter is lost."""
    details = read_summary(kind, _all_long(kind, value))
    document = pdf(replace(SUMMARY, kind=kind, number="MMMM-MMMM-MMMM-MMMM", code="40717071", details=details))
    assert len(pypdf.PdfReader(io.BytesIO(document)).pages) == 1
    assert _bare(_text(document)).count(_bare(value)) == len(details)


def test_the_page_is_drawn() -> None:
    """Rasterised, the page has ink: more than a little, far from all, and its code box is among it."""
    with_code, without = _ink(pdf(SUMMARY)), _ink(pdf(replace(SUMMARY, code=None)))
    assert 0.02 < with_code < 0.3
    assert with_code > without


def _ink(document: bytes) -> float:
    bitmap = pypdfium2.PdfDocument(document)[0].render(scale=1, grayscale=True)
    levels = bytes(bitmap.buffer)
    return sum(level < 128 for level in levels) / len(levels)


def test_the_qr_code_on_paper_is_the_number() -> None:
    """Each square of the printed QR code is the one that the number's code has there, and white surrounds it."""
    scale = 4
    bitmap = pypdfium2.PdfDocument(pdf(SUMMARY))[0].render(scale=scale, grayscale=True)
    levels, stride = bytes(bitmap.buffer), bitmap.stride
    # The QR code is the only dark thing at the right between the title and the code box.
    columns, rows = (
        range(int(bitmap.width * 0.75), int(bitmap.width * 0.97)),
        range(int(bitmap.height * 0.11), bitmap.height),
    )
    dark = [[levels[y * stride + x] < 128 for x in columns] for y in rows]
    top = next(y for y, row in enumerate(dark) if any(row))
    bottom = next(y for y in range(top, len(dark)) if not any(dark[y]))
    left = min(row.index(True) for row in dark[top:bottom] if True in row)
    matrix = segno.make_qr(str(SUMMARY.number), error="m").matrix
    module_px = (bottom - top) / len(matrix)
    seen = [
        [dark[top + int((y + 0.5) * module_px)][left + int((x + 0.5) * module_px)] for x in range(len(matrix))]
        for y in range(len(matrix))
    ]
    assert seen == [[bool(square) for square in row] for row in matrix]
    assert not any(any(row) for row in dark[bottom : bottom + int(3 * module_px)])


def test_equal_summaries_give_equal_bytes(tmp_path: Path) -> None:
    """The page can be made again and compared: same bytes now, and in another process with another hash seed."""
    document = pdf(SUMMARY)
    program = "import pickle, sys; from esoz_notify.render import summary; "
    program += "sys.stdout.buffer.write(summary.pdf(pickle.load(sys.stdin.buffer)))"
    other = subprocess.run(
        [sys.executable, "-c", program],
        input=pickle.dumps(SUMMARY),
        capture_output=True,
        check=True,
        cwd=tmp_path,
        env={"PYTHONHASHSEED": "7"},
    )
    assert pdf(replace(SUMMARY)) == document
    assert other.stdout == document


def test_pages_may_be_made_at_the_same_time() -> None:
    """Threads that draw different pages get their own, each as if it were drawn alone."""
    pages = [replace(SUMMARY, number=f"0000-0000-0000-{count:04}") for count in range(24)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(pdf, pages))
    assert [number.number for number, document in zip(pages, together, strict=True) if pdf(number) != document] == []


def test_data_is_never_markup() -> None:
    """Whatever a value looks like in the page's language, it is printed as it is written."""
    value = '#panic("x") $x^2$ *b* _i_ <a> @ref \\ "q" \' `raw` {{ 7 * 7 }} // c'
    document = pdf(replace(SUMMARY, details={"medication": value}, document_id='#read("summary.py")'))
    assert _bare(value) in _bare(_text(document))
    assert _bare('#read("summary.py")') in _bare(_text(document))


def test_every_allowed_letter_can_be_drawn() -> None:
    """PDF/A forbids a letter without a glyph, so each letter that a caller may send must have one."""
    letters = [chr(code) for first, last in module._DRAWN_RANGES for code in range(first, last + 1)]
    letters = [*letters, *module._DRAWN_BESIDES]
    for start in range(0, len(letters), 350):
        details = {"notes": "".join(letters[start : start + 350])}
        assert len(pypdf.PdfReader(io.BytesIO(pdf(replace(SUMMARY, details=details)))).pages) == 1


def test_a_fingerprint_changes_with_anything_the_page_says() -> None:
    """No two different pages share it."""
    pages = [
        SUMMARY,
        replace(SUMMARY, code=None),
        replace(SUMMARY, number="0000-243P-1X53-EH39"),
        replace(SUMMARY, details={**DETAILS_GIVEN, "dosage": "По 2 таблетки"}),
        replace(SUMMARY, language="en"),
        replace(SUMMARY, document_id="0198c0de-0000-7000-8000-000000000002"),
    ]
    assert len({fingerprint(page) for page in pages}) == len(pages)


def test_a_summary_hides_what_is_personal() -> None:
    """The repr of a page reaches no log with a number, a code or a name in it."""
    shown = repr(SUMMARY)
    assert [word for word in ("4071", "243P", "Ґалаґан", "+380") if word in shown] == []


def test_details_are_read_in_the_order_of_the_page() -> None:
    """The order of the caller's object does not matter; values are trimmed and composed."""
    data = {"doctor": "Щербак О. М.", "patient_name": " Йосипенко Ї. "}
    assert list(read_summary("prescription_issued", data).items()) == [
        ("patient_name", "Йосипенко Ї."),
        ("doctor", "Щербак О. М."),
    ]


def test_no_details_are_no_problem() -> None:
    """A page without details still has its number."""
    assert read_summary("prescription_issued", None) == {}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (5, "type"),
        (None, "type"),
        ("  ", "empty"),
        ("x" * 401, "too_long"),
        ("a\nb", "control_character"),
        ("a\u202eb", "control_character"),
        ("a\x00b", "control_character"),
        ("a\ud800b", "control_character"),
        ("藥", "letter"),
        ("💊", "letter"),
    ],
)
def test_a_bad_value_is_refused(value: object, code: str) -> None:
    """Each rule of a value, told with its field."""
    with pytest.raises(InvalidInput) as caught:
        read_summary("prescription_issued", {"dosage": value})
    assert [(problem.pointer, problem.code) for problem in caught.value.problems] == [("/summary/dosage", code)]


def test_all_problems_are_told_and_no_value_is_repeated() -> None:
    """Unknown keys with the list of known ones, and every bad value, in one answer without personal data."""
    data = {"medicine/x": "Аспірин", "dosage": "Ґ" * 401, "doctor": 7}
    with pytest.raises(InvalidInput) as caught:
        read_summary("prescription_issued", data, "/data/summary")
    problems = caught.value.problems
    assert [problem.pointer for problem in problems] == [
        "/data/summary/medicine~1x",
        "/data/summary/dosage",
        "/data/summary/doctor",
    ]
    assert "medication, quantity, dosage" in problems[0].detail
    assert "Аспірин" not in caught.value.detail


def test_a_page_holds_only_what_its_kind_has() -> None:
    """A medicine on a referral is somebody's mistake, and paper cannot be called back."""
    with pytest.raises(InvalidInput, match="a page of referral_issued may hold patient_name, patient_age, service"):
        read_summary("referral_issued", {"medication": "Амлодипін"})


def test_details_must_be_an_object() -> None:
    """A list or a text is refused as a whole."""
    with pytest.raises(InvalidInput, match="/summary: must be an object of texts"):
        read_summary("referral_issued", ["x"])  # type: ignore[arg-type]  # what a caller's JSON may hold


@settings(deadline=None)  # the machine may be busy; how long it takes is not the rule
@given(st.dictionaries(st.sampled_from(["dosage", "doctor", "x"]), st.text(max_size=420) | st.integers() | st.none()))
def test_what_is_read_is_read_again_unchanged(data: dict[str, object]) -> None:
    """Either everything is accepted, and then reading the result changes nothing, or every problem has a field."""
    pointers = None
    details: dict[str, str] = {}
    try:
        details = read_summary("prescription_issued", data)
    except InvalidInput as refusal:
        pointers = {problem.pointer for problem in refusal.problems}
    assert read_summary("prescription_issued", details) == details
    assert pointers is None or set() < pointers <= {f"/summary/{key}" for key in data}

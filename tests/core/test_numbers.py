"""Numbers and codes: one canonical spelling, and refusals that repeat nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.core.numbers import GROUPED, NumberFormat, NumberProblem, parse, parse_date

GROUPED_FORMATS = st.sampled_from(sorted(GROUPED))
LOOK_ALIKES = dict(zip("ABCEHIKMOPTX", "АВСЕНІКМОРТХ", strict=True))
SEPARATORS = ["", "-", " ", "–", "—", "‑", "−", "\u00a0", " - ", "\t"]


@st.composite
def grouped_numbers(draw: st.DrawFn) -> tuple[NumberFormat, str]:
    """A canonical number of any grouped format."""
    number_format = draw(GROUPED_FORMATS)
    row = GROUPED[number_format]
    symbols = draw(st.text(row.alphabet, min_size=row.length, max_size=row.length))
    return number_format, "-".join(symbols[i : i + 4] for i in range(0, row.length, 4))


@given(grouped_numbers())
def test_canonical_numbers_stay(number: tuple[NumberFormat, str]) -> None:
    """Parsing is idempotent: the canonical spelling is its own canonical spelling."""
    number_format, canonical = number

    assert parse(number_format, canonical) == canonical


@given(grouped_numbers(), st.data())
def test_every_spelling_of_a_number_is_one_number(number: tuple[NumberFormat, str], data: st.DataObject) -> None:
    """Cyrillic look-alikes, lower case, spaces, odd dashes and missing dashes all give the same canonical number."""
    number_format, canonical = number
    spelled = ""
    for symbol in canonical:
        if symbol == "-":
            spelled += data.draw(st.sampled_from(SEPARATORS))
        else:
            alike = LOOK_ALIKES.get(symbol, symbol)
            spelled += data.draw(st.sampled_from([symbol, symbol.lower(), alike, alike.lower()]))

    assert parse(number_format, spelled) == canonical


@given(GROUPED_FORMATS, st.data())
def test_symbols_outside_the_alphabet_are_refused(number_format: NumberFormat, data: st.DataObject) -> None:
    """One symbol that such numbers never have refuses the whole, at any place, also digits of other scripts."""
    row = GROUPED[number_format]
    allowed = (
        row.alphabet + row.alphabet.lower() + "АВСЕНІКМОРТХавсенікмортх" + "".join(SEPARATORS) + "\u2007\u2009\u202f"
    )
    allowed += "‐‒―﹣－"  # the other dashes and hyphens that people's keyboards and word processors make
    stranger = data.draw(st.characters(exclude_characters=allowed))
    symbols = data.draw(st.text(row.alphabet, min_size=row.length - 1, max_size=row.length - 1))
    place = data.draw(st.integers(0, row.length - 1))

    with pytest.raises(NumberProblem) as caught:
        parse(number_format, symbols[:place] + stranger + symbols[place:])

    assert caught.value.code == "wrong_symbol"


@pytest.mark.parametrize("text", ["", "0000-243P-1X53-EH3", "0000-243P-1X53-EH388"])
def test_numbers_of_another_length_are_refused(text: str) -> None:
    """A number too short or too long is refused, and the reason does not repeat it."""
    with pytest.raises(NumberProblem) as caught:
        parse(NumberFormat.PRESCRIPTION, text)

    assert caught.value.code == "wrong_length"
    assert not text or text not in caught.value.detail


def test_published_examples_are_read() -> None:
    """The examples of ESOZ's own documents parse, the one that mixes in Cyrillic letters included."""
    assert parse(NumberFormat.PRESCRIPTION, "0000-243P-1X53-EH38") == "0000-243P-1X53-EH38"
    assert parse(NumberFormat.REQUISITION, "AX64-654T-X654-AX65") == "AX64-654T-X654-AX65"
    assert parse(NumberFormat.REQUISITION, "TІВ1-ТВТ1 0123 4567") == "TIB1-TBT1-0123-4567"
    assert parse(NumberFormat.DECLARATION, "000012h4245x") == "0000-12H4-245X"
    assert parse(NumberFormat.DEVICE_REQUEST, "АХ64 654т х654 ах65") == "AX64-654T-X654-AX65"


def test_a_dotless_i_is_not_a_latin_i() -> None:
    """Only the listed look-alikes are taken for Latin letters; another alphabet's letter is refused."""
    with pytest.raises(NumberProblem):
        parse(NumberFormat.REQUISITION, "ı123-4567-89AB-CEIK")


@pytest.mark.parametrize("text", ["1234", "0000", "12345678"])
def test_codes_are_kept_as_they_are(text: str) -> None:
    """A code is 4 to 8 digits and keeps its leading zeros."""
    assert parse(NumberFormat.CODE, text) == text


@pytest.mark.parametrize("text", ["", "123", "123456789", "12a4", "12 34", "1234\n", "١٢٣٤"])
def test_other_codes_are_refused(text: str) -> None:
    """A code of another length, with other symbols or with other scripts' digits is refused without being repeated."""
    with pytest.raises(NumberProblem) as caught:
        parse(NumberFormat.CODE, text)

    assert (caught.value.code, str(caught.value)) == (
        "not_a_code",
        "must be 4 to 8 digits 0-9, without spaces, as a string",
    )


@given(st.dates())
def test_dates_stay(day: object) -> None:
    """A calendar date is its own canonical spelling and reads back as the same day."""
    assert parse(NumberFormat.DATE, str(day)) == str(day)
    assert parse_date(str(day)) == day


@pytest.mark.parametrize("text", ["2025-02-31", "20250910", "2025-W01-1", "10.09.2025", "2025-09-10T00:00:00Z", ""])
def test_other_dates_are_refused(text: str) -> None:
    """Days that do not exist and other ways of writing a date are refused."""
    with pytest.raises(NumberProblem) as caught:
        parse(NumberFormat.DATE, text)

    assert caught.value.code == "not_a_date"

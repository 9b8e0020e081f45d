"""The table of kinds, and reading the data of one notification."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.core.errors import InvalidInput
from esoz_notify.core.kinds import KINDS, PUBLIC_KINDS, Kind, Lane, PolicyColumn, read_data
from esoz_notify.core.numbers import NumberFormat

PRESCRIPTION = KINDS["prescription_issued"]
CODE = KINDS["confirmation_code"]
REFERRAL = KINDS["referral_issued"]


def codes_of(kind: Kind, data: dict[str, object], pointer: str = "/data") -> list[tuple[str, str]]:
    """Pointer and code of every problem."""
    with pytest.raises(InvalidInput) as caught:
        read_data(kind, data, pointer)
    return [(problem.pointer, problem.code) for problem in caught.value.problems]


def test_only_codes_ride_the_fast_lane() -> None:
    """The codes column and the codes lane are the same kinds, so a code never waits behind a document."""
    assert [kind.name for kind in KINDS.values() if kind.lane is Lane.CODES] == [
        kind.name for kind in KINDS.values() if kind.column is PolicyColumn.CODES
    ]


def test_kinds_that_may_carry_a_code_say_so() -> None:
    """Whether a code must be erased at the end is read from the fields of the kind."""
    assert [kind.name for kind in KINDS.values() if kind.carries_code] == [
        "confirmation_code",
        "prescription_issued",
        "device_request_issued",
        "plain_text",
    ]


def test_data_is_normalised_under_canonical_names() -> None:
    """Aliases become the canonical names and numbers their canonical spelling."""
    assert read_data(PRESCRIPTION, {"request_number": "0000 243р 1х53 ен38", "code": "1234"}) == {
        "request_number": "0000-243P-1X53-EH38",
        "verification_code": "1234",
    }
    assert read_data(REFERRAL, {"requisition": "0123456789ABCEIK"}) == {"request_number": "0123-4567-89AB-CEIK"}


def test_optional_data_may_be_absent_or_null() -> None:
    """An optional field that is left out or null is not in the result."""
    assert read_data(CODE, {"verification_code": "1234"}) == {"verification_code": "1234"}
    assert read_data(CODE, {"verification_code": "1234", "purpose": None}) == {"verification_code": "1234"}


def test_spaces_around_text_are_dropped() -> None:
    """A plain text is one line without the spaces around it."""
    assert read_data(CODE, {"code": "1234", "purpose": " декларація "})["purpose"] == "декларація"


def test_all_problems_are_told_at_once() -> None:
    """Missing, unknown and malformed fields are all named, each by its own pointer."""
    assert codes_of(PRESCRIPTION, {"verification_code": "12", "medication": "x"}, "/notifications/3/data") == [
        ("/notifications/3/data/request_number", "missing"),
        ("/notifications/3/data/verification_code", "not_a_code"),
        ("/notifications/3/data/medication", "unknown_field"),
    ]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"verification_code": 1234}, ("/data/verification_code", "wrong_type")),
        ({"verification_code": None}, ("/data/verification_code", "missing")),
        ({"code": "1234", "verification_code": "1234"}, ("/data/code", "given_twice")),
        ({"code": "1234", "purpose": ""}, ("/data/purpose", "empty")),
        ({"code": "1234", "purpose": "  "}, ("/data/purpose", "empty")),
        ({"code": "1234", "purpose": "x" * 27}, ("/data/purpose", "too_long")),
        ({"code": "1234", "purpose": "a\nb"}, ("/data/purpose", "control_character")),
        ({"code": "1234", "purpose": "a\x00b"}, ("/data/purpose", "control_character")),
        ({"code": "1234", "purpose": "a\u2028b"}, ("/data/purpose", "control_character")),
        ({"code": "1234", "purpose": "a\u202eb"}, ("/data/purpose", "control_character")),
        ({"code": "1234", "purpose": "a\ud800b"}, ("/data/purpose", "control_character")),
        ({"code": "1234", "purpose": 5}, ("/data/purpose", "wrong_type")),
    ],
)
def test_each_rule_has_its_code(data: dict[str, object], problem: tuple[str, str]) -> None:
    """A broken rule is told by its own stable code at the field's pointer."""
    assert codes_of(CODE, data) == [problem]


def test_unknown_fields_name_the_allowed_ones() -> None:
    """Whoever mistypes a field is told which fields the kind has."""
    with pytest.raises(InvalidInput) as caught:
        read_data(REFERRAL, {"request_number": "0123-4567-89AB-CEIK", "number": "1"})

    assert caught.value.problems[0].detail == (
        "is not a field of this kind, which has: request_number; remove or rename it"
    )


def test_a_phone_as_a_field_name_is_not_repeated() -> None:
    """A field name that may be personal data is told at the object, not by itself."""
    with pytest.raises(InvalidInput) as caught:
        read_data(CODE, {"code": "1234", "+380000000001": "x"})

    assert caught.value.problems[0].pointer == "/data"
    assert "380" not in str(caught.value)


@given(st.sampled_from(sorted(KINDS)), st.data())
def test_reading_again_changes_nothing(name: str, data: st.DataObject) -> None:
    """The answer of read_data is valid data of the same kind and reads as itself."""
    kind = KINDS[name]
    samples = {
        NumberFormat.PRESCRIPTION: "0000243Р1X53EH38",
        NumberFormat.REQUISITION: "0123 4567 89ab сеік",
        NumberFormat.DEVICE_REQUEST: "ах64654тх654ах65",
        NumberFormat.CODE: "4821",
        NumberFormat.DATE: "2025-09-10",
        None: " рецепт",
    }
    chosen: dict[str, object] = {
        data.draw(st.sampled_from([field.name, *field.aliases])): samples[field.format]
        for field in kind.fields
        if field.required or data.draw(st.booleans())
    }

    first = read_data(kind, chosen)

    assert read_data(kind, first) == first


@given(
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(
        st.sampled_from(["request_number", "requisition", "code", "verification_code", "purpose", "created_at"])
        | st.text(max_size=5),
        st.none() | st.booleans() | st.integers() | st.text(max_size=40) | st.lists(st.text(max_size=3), max_size=2),
        max_size=6,
    ),
)
def test_reading_data_gives_data_or_problems(name: str, document: dict[str, object]) -> None:
    """Whatever JSON comes, the end is canonical data or a list of problems, nothing else."""
    kind = KINDS[name]
    problems, values = [], {}
    try:
        values = read_data(kind, document)
    except InvalidInput as error:
        problems = list(error.problems)

    assert bool(problems) != bool(values)
    assert set(values) <= {field.name for field in kind.fields}


def test_a_code_lives_minutes_and_a_paper_a_month() -> None:
    """ESOZ's codes live 300 s wherever they are; other messages are worth a day, their paper a month."""
    code, prescription = KINDS["confirmation_code"], KINDS["prescription_issued"]

    assert (code.validity_s, code.paper_validity_s) == (300, 300)
    assert (prescription.validity_s, prescription.paper_validity_s) == (86_400, 30 * 86_400)


def test_a_text_of_somebody_else_is_not_for_callers() -> None:
    """Free text is a kind like any other, but none that a caller of the API may choose; all of it is erased in time."""
    assert set(KINDS) - set(PUBLIC_KINDS) == {"plain_text"}
    assert KINDS["plain_text"].secret_field == "body"
    assert KINDS["referral_issued"].secret_field is None

"""Reading and writing the minimum of a patient, in our shape and in ESOZ's."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.core.errors import InvalidInput
from esoz_notify.core.patient import (
    METHOD_COUNT_MAX,
    AuthenticationMethod,
    Confidant,
    LegalCapacity,
    MethodType,
    Patient,
    canonical_id,
    read_patient,
    write_patient,
)
from esoz_notify.core.phone import Phone

CHILD = "0198c0de-0000-7000-8000-000000000001"
MOTHER = "0198c0de-0000-7000-8000-000000000002"
FATHER = "0198c0de-0000-7000-8000-000000000003"
METHOD = "0198c0de-0000-7000-8000-00000000000a"
PHONE = "+380000000001"

OTP = {"id": METHOD, "type": "OTP", "phone_number": PHONE}


def read(**document: object) -> Patient:
    """Read a document that has a birth date."""
    return read_patient(CHILD, {"birth_date": "2015-03-01", **document}).patient


def problems_of(document: dict[str, object], patient_id: str = CHILD) -> list[tuple[str, str]]:
    """Pointer and code of every problem of a document that has a birth date unless it says otherwise."""
    with pytest.raises(InvalidInput) as caught:
        read_patient(patient_id, {"birth_date": "2015-03-01", **document})
    return [(problem.pointer, problem.code) for problem in caught.value.problems]


def method_problems(**method: object) -> list[tuple[str, str]]:
    """Problems of one method, with pointers inside it."""
    start = len("/authentication_methods/0")
    return [(pointer[start:], code) for pointer, code in problems_of({"authentication_methods": [method]})]


def confidant_problems(**confidant: object) -> list[tuple[str, str]]:
    """Problems of one confidant, with pointers inside it."""
    start = len("/confidants/0")
    return [(pointer[start:], code) for pointer, code in problems_of({"confidants": [confidant]})]


def test_the_minimum_is_a_birth_date() -> None:
    """A birth date is enough; nothing told about confidants stays nothing told."""
    assert read() == Patient(id=CHILD, birth_date=date(2015, 3, 1))


def test_our_minimal_shape() -> None:
    """Every field of the minimal shape is kept, under either of its names."""
    patient = read(
        capacity="PARTIAL",
        authentication_methods=[
            OTP,
            {"id": "m-2", "type": "THIRD_PERSON", "value": MOTHER.upper(), "alias": "мама", "ended_at": "2026-03-01"},
        ],
        confidants=[{"person_id": MOTHER}],
        language="en",
        rnokpp="0000000001",
    )

    assert patient == Patient(
        id=CHILD,
        birth_date=date(2015, 3, 1),
        legal_capacity=LegalCapacity.PARTIAL,
        methods=(
            AuthenticationMethod(id=METHOD, type=MethodType.OTP, phone=Phone(PHONE)),
            AuthenticationMethod(
                id="m-2",
                type=MethodType.THIRD_PERSON,
                third_person_id=MOTHER,
                alias="мама",
                ended_at=datetime(2026, 3, 1, 21, 59, 59, 999_999, tzinfo=UTC),
            ),
        ),
        confidants=(Confidant(person_id=MOTHER),),
        language="en",
        tax_id="0000000001",
    )


def test_esoz_person_is_read_unchanged() -> None:
    """A person as ESOZ answers it is read as it is; what deciding does not need is dropped and named."""
    document = {
        "id": CHILD,
        "birth_date": "2015-03-01T00:00:00.000Z",
        "first_name": "Тест",
        "no_tax_id": True,
        "tax_id": None,
        "authentication_methods": [
            {
                "id": METHOD.upper(),
                "type": "THIRD_PERSON",
                "phone_number": "+38000*****01",
                "value": MOTHER,
                "alias": "мама",
                "started_at": "2025-01-01T00:00:00Z",
                "ended_at": "2027-01-01T00:00:00Z",
                "inserted_at": "2025-01-01T00:00:00.123456Z",
                "inserted_by": FATHER,
            },
            {"id": "m-2", "type": "NA", "value": None, "is_active": False},
            {"id": "m-3", "type": "OFFLINE", "value": MOTHER},
        ],
        "confidant_person_relationships": [
            {
                "person_id": CHILD,
                "confidant_person_id": MOTHER,
                "active_to": "2033-02-28",
                "verification_status": "VERIFIED",
            },
            {"confidant_person": {"person_id": FATHER, "name": "Тест"}, "is_active": False},
        ],
        "+380000000009": "x",
    }

    result = read_patient(CHILD, document)

    assert result.patient.methods == (
        AuthenticationMethod(
            id=METHOD,
            type=MethodType.THIRD_PERSON,
            third_person_id=MOTHER,
            alias="мама",
            started_at=datetime(2025, 1, 1, tzinfo=UTC),
            ended_at=datetime(2027, 1, 1, tzinfo=UTC),
            inserted_at=datetime(2025, 1, 1, 0, 0, 0, 123_456, tzinfo=UTC),
        ),
        AuthenticationMethod(id="m-2", type=MethodType.NA, is_active=False),
        AuthenticationMethod(id="m-3", type=MethodType.OFFLINE),
    )
    assert result.patient.confidants == (
        Confidant(person_id=MOTHER, active_to=datetime(2033, 2, 28, 21, 59, 59, 999_999, tzinfo=UTC)),
        Confidant(person_id=FATHER, is_active=False),
    )
    assert result.ignored == (
        "(a name that is not shown)",
        "authentication_methods.inserted_by",
        "authentication_methods.phone_number",
        "authentication_methods.value",
        "confidant_person_relationships.confidant_person.name",
        "first_name",
        "no_tax_id",
    )


@pytest.mark.parametrize(
    ("fields", "is_verified"),
    [
        ({}, True),
        ({"verification_status": "VERIFIED"}, True),
        ({"verification_status": "approved"}, True),
        ({"verification_status": "NOT_VERIFIED"}, False),
        ({"verification_status": "REJECTED"}, False),
        ({"verification_status": "VERIFICATION_NEEDED"}, False),
        ({"is_verified": True}, True),
        ({"is_approved": False}, False),
        ({"verification_status": "VERIFIED", "is_verified": False}, False),
    ],
)
def test_only_approved_relations_are_verified(fields: dict[str, object], is_verified: bool) -> None:
    """A relation is verified when nothing says otherwise; a status that we do not know is not an approval."""
    assert read(confidants=[{"person_id": MOTHER, **fields}]).confidants == (
        Confidant(person_id=MOTHER, is_verified=is_verified),
    )


def test_told_that_there_are_no_confidants() -> None:
    """An empty list says that there is nobody; that is not the same as not being told."""
    assert read(confidants=[]).confidants == ()
    assert read(confidants=None).confidants is None


def test_a_method_without_an_id_gets_a_lasting_one() -> None:
    """The id that we give is a UUID of the patient, the type and the position: the same document gives the same ids."""
    methods = [{"type": "OFFLINE"}, {"type": "OTP", "phone": PHONE}]

    first, again = read(authentication_methods=methods), read(authentication_methods=methods)

    assert first == again
    assert [UUID(method.id).version for method in first.methods] == [5, 5]
    assert first.methods[0].id != first.methods[1].id


def test_ids_are_spelled_one_way() -> None:
    """UUIDs are compared in lower case; other ids keep their case."""
    assert canonical_id(MOTHER.upper()) == MOTHER
    assert canonical_id("Method-1") == "Method-1"
    assert read_patient(CHILD.upper(), {"birth_date": "2015-03-01"}).patient.id == CHILD


def test_nothing_personal_in_a_repr() -> None:
    """A patient in a log shows no phone, tax number, birth date or alias."""
    patient = read(
        authentication_methods=[{**OTP, "alias": "сусід"}],
        tax_id="0000000019",
    )

    for secret in ("0000000019", "2015", "сусід", "Phone"):
        assert secret not in repr(patient)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"birth_date": None}, ("/birth_date", "missing")),
        ({"birth_date": 20150301}, ("/birth_date", "wrong_type")),
        ({"birth_date": "01.03.2015"}, ("/birth_date", "not_a_date")),
        ({"birth_date": "2015-03-01T10:00:00Z"}, ("/birth_date", "not_a_date")),
        ({"id": MOTHER}, ("/id", "other_patient")),
        ({"legal_capacity": "most"}, ("/legal_capacity", "unknown_value")),
        ({"legal_capacity": "full", "capacity": "full"}, ("/capacity", "given_twice")),
        ({"language": "pl"}, ("/language", "unknown_value")),
        ({"tax_id": "123"}, ("/tax_id", "not_a_tax_id")),
        ({"tax_id": "0000000001", "rnokpp": "0000000001"}, ("/rnokpp", "given_twice")),
        ({"authentication_methods": {}}, ("/authentication_methods", "wrong_type")),
        ({"authentication_methods": ["OTP"]}, ("/authentication_methods/0", "wrong_type")),
        ({"authentication_methods": [OTP] * (METHOD_COUNT_MAX + 1)}, ("/authentication_methods", "too_many")),
        (
            {"authentication_methods": [OTP, {**OTP, "id": METHOD.upper()}]},
            ("/authentication_methods/1/id", "duplicate_id"),
        ),
        ({"confidants": "nobody"}, ("/confidants", "wrong_type")),
        ({"confidants": [None]}, ("/confidants/0", "wrong_type")),
        ({"confidants": [], "confidant_person_relationships": []}, ("/confidant_person_relationships", "given_twice")),
    ],
)
def test_each_rule_on_a_patient_has_its_code(document: dict[str, object], problem: tuple[str, str]) -> None:
    """A broken rule is told by its own stable code at the field's pointer."""
    assert problems_of(document) == [problem]


@pytest.mark.parametrize(
    ("method", "problem"),
    [
        ({"id": "m"}, ("/type", "unknown_value")),
        ({"id": "m", "type": "otp"}, ("/type", "unknown_value")),
        ({"id": "print", "type": "OFFLINE"}, ("/id", "not_an_id")),
        ({"id": "+380000000001", "type": "OFFLINE"}, ("/id", "not_an_id")),
        ({"id": 7, "type": "OFFLINE"}, ("/id", "wrong_type")),
        ({"id": "m", "type": "OTP"}, ("/phone_number", "missing")),
        ({"id": "m", "type": "OTP", "phone_number": 380000000001}, ("/phone_number", "wrong_type")),
        ({"id": "m", "type": "OTP", "phone_number": "+38000*****01"}, ("/phone_number", "phone_masked")),
        ({"id": "m", "type": "OTP", "phone": "0000000001"}, ("/phone", "not_a_phone")),
        ({"id": "m", "type": "THIRD_PERSON"}, ("/value", "missing")),
        ({"id": "m", "type": "THIRD_PERSON", "value": 5}, ("/value", "wrong_type")),
        ({"id": "m", "type": "THIRD_PERSON", "value": "mother"}, ("/value", "not_a_uuid")),
        ({"id": "m", "type": "THIRD_PERSON", "third_person_id": CHILD}, ("/third_person_id", "self_as_third_person")),
        ({"id": "m", "type": "NA", "started_at": "2025-01-01T00:00:00"}, ("/started_at", "not_a_time")),
        ({"id": "m", "type": "NA", "ended_at": 5}, ("/ended_at", "wrong_type")),
        ({"id": "m", "type": "NA", "is_active": "true"}, ("/is_active", "wrong_type")),
        ({"id": "m", "type": "NA", "alias": "a\nb"}, ("/alias", "control_character")),
    ],
)
def test_each_rule_on_a_method_has_its_code(method: dict[str, object], problem: tuple[str, str]) -> None:
    """A broken rule of a method is told by its own stable code at the field's pointer."""
    assert method_problems(**method) == [problem]


@pytest.mark.parametrize(
    ("confidant", "problem"),
    [
        ({}, ("/person_id", "missing")),
        ({"person_id": "mother"}, ("/person_id", "not_a_uuid")),
        ({"person_id": CHILD}, ("/person_id", "self_as_confidant")),
        ({"confidant_person_id": CHILD}, ("/confidant_person_id", "self_as_confidant")),
        ({"confidant_person_id": MOTHER, "person_id": FATHER}, ("/person_id", "other_patient")),
        ({"person_id": MOTHER, "confidant_person": "mother"}, ("/confidant_person", "wrong_type")),
        ({"person_id": MOTHER, "active_to": "soon"}, ("/active_to", "not_a_time")),
        ({"person_id": MOTHER, "verification_status": True}, ("/verification_status", "wrong_type")),
    ],
)
def test_each_rule_on_a_confidant_has_its_code(confidant: dict[str, object], problem: tuple[str, str]) -> None:
    """A broken rule of a relation is told by its own stable code at the field's pointer."""
    assert confidant_problems(**confidant) == [problem]


def test_a_patient_is_kept_under_a_uuid() -> None:
    """An id that is not a UUID is refused with the rest of the problems, all at once."""
    assert problems_of({"birth_date": "x", "language": "x"}, "patient-1") == [
        ("", "not_a_uuid"),
        ("/birth_date", "not_a_date"),
        ("/language", "unknown_value"),
    ]


UUIDS = st.uuids().map(str).filter(lambda text: text != CHILD)
TIMES = st.none() | st.datetimes(timezones=st.just(UTC))


@st.composite
def methods(draw: st.DrawFn) -> AuthenticationMethod:
    """A method that obeys every rule of reading."""
    method_type = draw(st.sampled_from(MethodType))
    return AuthenticationMethod(
        id=draw(UUIDS),
        type=method_type,
        phone=Phone(f"+38000000{draw(st.integers(0, 9999)):04}") if method_type is MethodType.OTP else None,
        third_person_id=draw(UUIDS) if method_type is MethodType.THIRD_PERSON else None,
        alias=draw(st.none() | st.sampled_from(["мама", "husband"])),
        started_at=draw(TIMES),
        ended_at=draw(TIMES),
        is_active=draw(st.booleans()),
        inserted_at=draw(TIMES),
    )


CONFIDANTS = st.builds(Confidant, person_id=UUIDS, is_active=st.booleans(), is_verified=st.booleans(), active_to=TIMES)
PATIENTS = st.builds(
    Patient,
    id=st.just(CHILD),
    birth_date=st.dates(),
    legal_capacity=st.none() | st.sampled_from(LegalCapacity),
    methods=st.lists(methods(), max_size=4, unique_by=lambda method: method.id).map(tuple),
    confidants=st.none() | st.lists(CONFIDANTS, max_size=3).map(tuple),
    language=st.sampled_from(["uk", "en"]),
    tax_id=st.none() | st.just("0000000001"),
)


@given(PATIENTS)
def test_what_is_written_reads_back(patient: Patient) -> None:
    """Writing and reading give an equal patient and ignore nothing."""
    result = read_patient(patient.id, write_patient(patient))

    assert (result.patient, result.ignored) == (patient, ())


NAMES = st.sampled_from(
    ["birth_date", "authentication_methods", "confidants", "confidant_person", "id", "type", "phone_number", "value"]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=6)
    | st.sampled_from(["OTP", PHONE, CHILD, "2015-03-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=4), inner, max_size=5),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, JSON, max_size=6))
def test_reading_gives_a_patient_or_problems(document: dict[str, object]) -> None:
    """Whatever JSON comes, the end is a patient or a list of problems without the phone, nothing else."""
    problems, patient = "", None
    try:
        patient = read_patient(CHILD, {"birth_date": "2015-03-01", **document}).patient
    except InvalidInput as error:
        problems = str(error)

    assert bool(problems) != bool(patient)
    assert PHONE not in problems

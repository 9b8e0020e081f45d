"""Who is informed, and how: each rule by example, and what must hold for every patient."""

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from esoz_notify.core.kyiv import age_on, kyiv_date
from esoz_notify.core.paper import CodeGround
from esoz_notify.core.patient import AuthenticationMethod, Confidant, LegalCapacity, MethodType, Patient
from esoz_notify.core.phone import Phone
from esoz_notify.core.recipient import (
    Decision,
    Inform,
    Print,
    Refusal,
    RefusalReason,
    Relation,
    decide_recipient,
    people_needed,
    without_messages,
)

NOW = datetime(2025, 9, 10, 9, tzinfo=UTC)
BEFORE, AFTER = NOW - timedelta(days=1), NOW + timedelta(days=1)
ADULT, TEEN, CHILD = date(1980, 5, 5), date(2010, 5, 5), date(2015, 5, 5)

P1, P2, P3 = (Phone(f"+38000000000{n}") for n in (1, 2, 3))


def otp(method_id: str, phone: Phone | None = P1, **fields: object) -> AuthenticationMethod:
    """A method by phone."""
    return replace(AuthenticationMethod(id=method_id, type=MethodType.OTP, phone=phone), **fields)  # type: ignore[arg-type] # test shorthand


def offline(method_id: str, **fields: object) -> AuthenticationMethod:
    """A method by documents."""
    return replace(AuthenticationMethod(id=method_id, type=MethodType.OFFLINE), **fields)  # type: ignore[arg-type] # test shorthand


def link(method_id: str, person_id: str | None, **fields: object) -> AuthenticationMethod:
    """A method through another person."""
    method = AuthenticationMethod(id=method_id, type=MethodType.THIRD_PERSON, third_person_id=person_id)
    return replace(method, **fields)  # type: ignore[arg-type] # test shorthand


def person(person_id: str, born: date, *methods: AuthenticationMethod, **fields: object) -> Patient:
    """A person."""
    return replace(Patient(id=person_id, birth_date=born, methods=methods), **fields)  # type: ignore[arg-type] # test shorthand


MOTHER = person("mother", ADULT, otp("mother-otp", P2), language="en", tax_id="0000000002")
FATHER = person("father", ADULT, otp("father-otp", P3))
PAPER = person("paper", ADULT, offline("paper-offline"))
PEOPLE = {known.id: known for known in (MOTHER, FATHER, PAPER)}


def decide(patient: Patient, inform_with: str | None = None, people: Mapping[str, Patient] = PEOPLE) -> Decision:
    """Decide now."""
    return decide_recipient(patient, people, inform_with=inform_with, now=NOW)


def why(decision: Decision) -> tuple[str, ...]:
    """The code of the explanation, then those of the notes."""
    return (decision.explanation.code, *(note.code for note in decision.notes))


def way(decision: Decision) -> str | None:
    """The id of the deciding method."""
    assert not isinstance(decision, Refusal)
    return decision.method_id


def refused(decision: Decision) -> RefusalReason:
    """Why nobody is informed; the explanation is always that of the reason."""
    assert isinstance(decision, Refusal)
    assert decision.explanation.code == decision.reason
    return decision.reason


# --- those who may use their own methods ---------------------------------------------------------------------------


def test_an_adult_is_informed_on_their_own_phone() -> None:
    """The first of the default methods is the patient's own active phone."""
    patient = person("p", ADULT, offline("a"), link("b", "mother"), otp("c"), tax_id="0000000001")

    decision = decide(patient)

    assert isinstance(decision, Inform)
    assert (decision.person_id, decision.relation, decision.method, decision.method_id) == (
        "p",
        Relation.SELF,
        MethodType.OTP,
        "c",
    )
    assert (decision.phone, decision.tax_id, decision.language) == (P1, "0000000001", "uk")
    assert why(decision) == ("own_phone",)


def test_a_decision_in_a_log_shows_no_phone_or_tax_number() -> None:
    """The repr of a decision holds neither the phone, even masked, nor the tax number."""
    shown = repr(decide(person("p", ADULT, otp("c"), tax_id="0000000019")))

    assert "38000" not in shown
    assert "0000000019" not in shown


def test_the_first_added_of_several_phones() -> None:
    """First-added: by insertion, then by start, then by id; a method that tells neither comes last."""
    methods = (
        otp("d"),
        otp("b", P2, inserted_at=BEFORE, started_at=BEFORE),
        otp("a", P3, inserted_at=BEFORE, started_at=NOW),
        otp("c", P3, started_at=NOW),
    )

    assert way(decide(person("p", ADULT, *methods))) == "b"
    assert way(decide(person("p", ADULT, *methods[2:]))) == "a"
    assert way(decide(person("p", ADULT, methods[0], methods[3]))) == "c"
    assert way(decide(person("p", ADULT, otp("z"), otp("y")))) == "y"
    assert why(decide(person("p", ADULT, *methods))) == ("own_phone_first_of_several",)


def test_documents_come_before_a_third_person_with_a_phone() -> None:
    """A patient by documents gets paper with the code, and the caller is told that a phone could be chosen."""
    decision = decide(person("p", ADULT, link("a", "mother"), offline("b")))

    assert decision == Print(
        person_id="p",
        relation=Relation.SELF,
        method=MethodType.OFFLINE,
        method_id="b",
        code_ground=CodeGround.DOCUMENTS,
        explanation=decision.explanation,
        notes=decision.notes,
    )
    assert why(decision) == ("own_documents", "third_person_available_with_inform_with")


@pytest.mark.parametrize("others", [(), (link("a", "paper"),), (link("a", "stranger"),)])
def test_documents_alone_need_no_hint(others: tuple[AuthenticationMethod, ...]) -> None:
    """Without a third person's phone there is nothing to hint at."""
    assert why(decide(person("p", ADULT, offline("b"), *others))) == ("own_documents",)


def test_a_third_person_with_a_phone_comes_before_an_earlier_one_on_paper() -> None:
    """Of third persons the first-added with a phone serves, although one without was added before."""
    decision = decide(
        person("p", ADULT, link("a", "paper", inserted_at=BEFORE), link("b", "mother", inserted_at=NOW), confidants=())
    )

    assert isinstance(decision, Inform)
    assert (decision.person_id, decision.relation, decision.method, decision.method_id) == (
        "mother",
        Relation.THIRD_PERSON,
        MethodType.THIRD_PERSON,
        "b",
    )
    assert (decision.phone, decision.tax_id, decision.language) == (P2, "0000000002", "en")
    assert why(decision) == ("third_person_phone",)


def test_the_first_added_of_third_persons() -> None:
    """Between two third persons with phones the first-added serves, and that is no matter of guardians."""
    decision = decide(person("p", ADULT, link("a", "father", inserted_at=NOW), link("b", "mother", inserted_at=BEFORE)))

    assert (way(decision), why(decision)) == ("b", ("third_person_phone",))


def test_a_third_person_by_documents_means_paper_with_the_code() -> None:
    """When the only third person has no phone, the summary is printed for them with the code."""
    decision = decide(person("p", ADULT, link("a", "paper")))

    assert decision == Print(
        person_id="paper",
        relation=Relation.THIRD_PERSON,
        method=MethodType.THIRD_PERSON,
        method_id="a",
        code_ground=CodeGround.DOCUMENTS,
        explanation=decision.explanation,
    )
    assert why(decision) == ("third_person_documents",)


@pytest.mark.parametrize(
    ("methods", "reason"),
    [
        ((), RefusalReason.NO_AUTHENTICATION_METHOD),
        ((AuthenticationMethod(id="n", type=MethodType.NA),), RefusalReason.NO_AUTHENTICATION_METHOD),
        ((otp("a", is_active=False),), RefusalReason.METHOD_INACTIVE),
        ((otp("a", ended_at=NOW),), RefusalReason.METHOD_ENDED),
        ((offline("a", started_at=AFTER),), RefusalReason.METHOD_NOT_STARTED),
        ((otp("a", None),), RefusalReason.METHOD_WITHOUT_PHONE),
        ((link("a", "mother", is_active=False),), RefusalReason.THIRD_PERSON_LINK_INACTIVE),
        ((link("a", "mother", ended_at=BEFORE),), RefusalReason.THIRD_PERSON_LINK_EXPIRED),
        ((link("a", "mother", started_at=AFTER),), RefusalReason.THIRD_PERSON_LINK_NOT_STARTED),
        ((link("a", "stranger"),), RefusalReason.THIRD_PERSON_UNKNOWN),
        ((link("a", None),), RefusalReason.THIRD_PERSON_UNKNOWN),
        ((link("a", "p"),), RefusalReason.THIRD_PERSON_IS_PATIENT),
    ],
)
def test_one_cause_is_named(methods: tuple[AuthenticationMethod, ...], reason: RefusalReason) -> None:
    """When every way fails for one cause that cause is the reason, and print is offered."""
    decision = decide(person("p", ADULT, *methods))

    assert refused(decision) is reason
    assert decision == Refusal(reason=reason, explanation=decision.explanation, offers_print=True)


@pytest.mark.parametrize(
    ("third", "reason"),
    [
        (person("x", CHILD, otp("o")), RefusalReason.THIRD_PERSON_TOO_YOUNG),
        (person("x", ADULT, otp("o"), legal_capacity=LegalCapacity.NONE), RefusalReason.THIRD_PERSON_NEEDS_GUARDIAN),
        (
            person("x", TEEN, otp("o"), confidants=(Confidant(person_id="y"),)),
            RefusalReason.THIRD_PERSON_NEEDS_GUARDIAN,
        ),
        (person("x", ADULT, link("l", "mother")), RefusalReason.THIRD_PERSON_CHAINED),
        (person("x", ADULT, link("l", "mother", ended_at=NOW)), RefusalReason.THIRD_PERSON_WITHOUT_METHOD),
        (person("x", ADULT, otp("o", ended_at=NOW)), RefusalReason.THIRD_PERSON_WITHOUT_METHOD),
        (person("x", ADULT), RefusalReason.THIRD_PERSON_WITHOUT_METHOD),
    ],
)
def test_a_third_person_must_be_able_to_act(third: Patient, reason: RefusalReason) -> None:
    """A third person under 14, with a guardian, or without a method of their own is refused by name."""
    assert refused(decide(person("p", ADULT, link("a", "x")), people={**PEOPLE, "x": third})) is reason


def test_a_third_person_of_14_may_be_informed() -> None:
    """The age for a third person is 14, with their own phone and no guardian in force."""
    sister = person("x", TEEN, otp("o", P3))

    assert why(decide(person("p", ADULT, link("a", "x")), people={"x": sister})) == ("third_person_phone",)


def test_the_way_that_got_furthest_is_the_reason() -> None:
    """Of several causes the one nearest to success is told, and the others are notes."""
    decision = decide(
        person("p", ADULT, otp("o", ended_at=NOW), link("a", "stranger"), link("b", "mother", is_active=False))
    )

    assert refused(decision) is RefusalReason.THIRD_PERSON_UNKNOWN
    assert why(decision) == ("third_person_unknown", "third_person_link_inactive", "method_ended")


# --- age, capacity and guardians -----------------------------------------------------------------------------------


def test_a_child_is_informed_through_a_guardian() -> None:
    """Under 14 the child's own phone is passed over, whatever it is, and the guardian's is used."""
    decision = decide(
        person("p", CHILD, otp("o"), link("a", "mother"), confidants=(Confidant(person_id="mother", active_to=AFTER),))
    )

    assert isinstance(decision, Inform)
    assert (decision.phone, why(decision)) == (P2, ("guardian_phone", "own_method_ignored_under_14"))


def test_full_capacity_does_not_make_a_child_older() -> None:
    """Under 14 no document lets a child use their own phone."""
    decision = decide(person("p", CHILD, otp("o"), legal_capacity=LegalCapacity.FULL))

    assert why(decision) == ("guardian_missing", "own_method_ignored_under_14")


def test_the_fourteenth_birthday_is_counted_in_kyiv() -> None:
    """At midnight in Kyiv, which is 21:00 UTC the day before, a person's own phone begins to serve."""
    patient = person("p", date(2011, 9, 11), otp("o"))

    last_second = decide_recipient(patient, {}, inform_with=None, now=datetime(2025, 9, 10, 20, 59, 59, tzinfo=UTC))
    birthday = decide_recipient(patient, {}, inform_with=None, now=datetime(2025, 9, 10, 21, tzinfo=UTC))

    assert refused(last_second) is RefusalReason.GUARDIAN_MISSING
    assert why(birthday) == ("own_phone",)


def test_an_incapable_adult_is_informed_through_a_guardian() -> None:
    """Without legal capacity a person is informed through a guardian at any age."""
    decision = decide(person("p", ADULT, otp("o"), link("a", "paper"), legal_capacity=LegalCapacity.NONE))

    assert isinstance(decision, Print)
    assert decision.code_on_paper
    assert why(decision) == (
        "guardian_documents",
        "own_method_ignored_guardian_decides",
        "confidant_not_checked",
    )


@pytest.mark.parametrize(
    ("relation", "reason"),
    [
        ((), RefusalReason.THIRD_PERSON_NOT_GUARDIAN),
        ((Confidant(person_id="father"),), RefusalReason.THIRD_PERSON_NOT_GUARDIAN),
        ((Confidant(person_id="mother", is_active=False),), RefusalReason.GUARDIAN_RELATION_ENDED),
        ((Confidant(person_id="mother", active_to=NOW),), RefusalReason.GUARDIAN_RELATION_ENDED),
        ((Confidant(person_id="mother", is_verified=False),), RefusalReason.GUARDIAN_NOT_CONFIRMED),
    ],
)
def test_a_guardian_must_be_an_active_approved_confidant(
    relation: tuple[Confidant, ...], reason: RefusalReason
) -> None:
    """When confidants are told, a linked person who is not one now is refused by the particular cause."""
    assert refused(decide(person("p", CHILD, link("a", "mother"), confidants=relation))) is reason


def test_one_good_relation_of_several_is_enough() -> None:
    """An ended relation to the same person does not spoil the one that is in force."""
    relations = (Confidant(person_id="mother", active_to=BEFORE), Confidant(person_id="mother"))

    assert why(decide(person("p", CHILD, link("a", "mother"), confidants=relations))) == ("guardian_phone",)


def test_a_guardian_without_a_link_is_missing() -> None:
    """A registered relation alone is no way to anybody: the link of type THIRD_PERSON is."""
    decision = decide(person("p", CHILD, confidants=(Confidant(person_id="mother"),)))

    assert (refused(decision), why(decision)) == (RefusalReason.GUARDIAN_MISSING, ("guardian_missing",))


def test_one_of_several_guardians_is_chosen_and_told() -> None:
    """Of two guardians the first-added is informed and the choice is told; one guardian by two links is one."""
    both = person("p", CHILD, link("a", "father", inserted_at=NOW), link("b", "mother", inserted_at=BEFORE))
    twice = person("p", CHILD, link("a", "mother"), link("b", "mother"))

    assert (way(decide(both)), why(decide(both))) == (
        "b",
        ("guardian_phone", "confidant_not_checked", "one_of_several_guardians"),
    )
    assert why(decide(twice)) == ("guardian_phone", "confidant_not_checked")


@pytest.mark.parametrize(
    ("born", "capacity"),
    [(TEEN, None), (TEEN, LegalCapacity.PARTIAL), (ADULT, LegalCapacity.PARTIAL)],
)
def test_between_child_and_adult(born: date, capacity: LegalCapacity | None) -> None:
    """14-17 or of partial capacity: own phone, unless a guardian is in force, then the guardian's."""
    patient = person("p", born, otp("o"), link("a", "mother"), legal_capacity=capacity)
    ended = replace(patient, confidants=(Confidant(person_id="mother", active_to=BEFORE),))
    guarded = replace(patient, confidants=(Confidant(person_id="mother"),))

    assert why(decide(patient)) == ("own_phone",)
    assert why(decide(ended)) == ("own_phone",)
    assert why(decide(guarded)) == ("guardian_phone", "own_method_ignored_guardian_decides")


def test_a_document_of_full_capacity_makes_a_teenager_free() -> None:
    """14-17 with a document of full capacity: own phone, although a relation is in force."""
    patient = person(
        "p", TEEN, otp("o"), legal_capacity=LegalCapacity.FULL, confidants=(Confidant(person_id="mother"),)
    )

    assert why(decide(patient)) == ("own_phone",)


def test_a_teenager_is_not_told_through_a_stranger() -> None:
    """14-17 without own methods: a linked person serves if confidants were not told, not if there are none."""
    patient = person("p", TEEN, link("a", "mother"))

    assert why(decide(patient)) == ("third_person_phone", "confidant_not_checked")
    assert refused(decide(replace(patient, confidants=()))) is RefusalReason.THIRD_PERSON_NOT_GUARDIAN


# --- the caller's choice -------------------------------------------------------------------------------------------


def test_a_chosen_method_is_used() -> None:
    """inform_with overrides the default: the second phone, the documents, or a third person of either sort."""
    patient = person("p", ADULT, otp("a"), otp("b", P3), offline("c"), link("d", "mother"), link("e", "paper"))

    chosen = {method_id: decide(patient, method_id) for method_id in "abcde"}

    assert {method_id: (type(d), way(d), why(d)) for method_id, d in chosen.items()} == {
        "a": (Inform, "a", ("chosen_by_caller",)),
        "b": (Inform, "b", ("chosen_by_caller",)),
        "c": (Print, "c", ("chosen_by_caller",)),
        "d": (Inform, "d", ("chosen_by_caller",)),
        "e": (Print, "e", ("chosen_by_caller",)),
    }


def test_a_chosen_uuid_may_be_spelled_in_capitals() -> None:
    """The same UUID in capitals is the same method."""
    patient = person("p", ADULT, otp("0198c0de-0000-7000-8000-00000000000a"))

    assert why(decide(patient, "0198C0DE-0000-7000-8000-00000000000A")) == ("chosen_by_caller",)


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        (otp("other"), RefusalReason.METHOD_NOT_FOUND),
        (AuthenticationMethod(id="m", type=MethodType.NA), RefusalReason.METHOD_TYPE_NA),
        (otp("m", is_active=False), RefusalReason.METHOD_INACTIVE),
        (link("m", "mother", ended_at=NOW), RefusalReason.METHOD_ENDED),
        (offline("m", started_at=AFTER), RefusalReason.METHOD_NOT_STARTED),
        (otp("m", None), RefusalReason.METHOD_WITHOUT_PHONE),
    ],
)
def test_a_choice_that_cannot_serve_is_refused(method: AuthenticationMethod, reason: RefusalReason) -> None:
    """A chosen method that is not there or not usable is refused by name; the caller corrects the call, no print."""
    decision = decide(person("p", ADULT, method, otp("own", P2)), "m")

    assert refused(decision) is reason
    assert isinstance(decision, Refusal)
    assert not decision.offers_print


@pytest.mark.parametrize("own", [otp("m"), offline("m")])
def test_a_child_cannot_be_informed_by_choosing_their_own_method(own: AuthenticationMethod) -> None:
    """inform_with does not open what age or capacity closes."""
    child = person("p", CHILD, own)
    incapable = person("p", ADULT, own, legal_capacity=LegalCapacity.NONE)

    assert refused(decide(child, "m")) is RefusalReason.METHOD_NOT_ALLOWED_UNDER_14
    assert refused(decide(incapable, "m")) is RefusalReason.METHOD_NOT_ALLOWED_GUARDIAN_DECIDES


def test_a_chosen_third_person_obeys_the_same_rules() -> None:
    """A chosen link whose person cannot act is refused by the person's cause, and print is offered."""
    decision = decide(person("p", CHILD, link("m", "mother"), confidants=()), "m")

    assert refused(decision) is RefusalReason.THIRD_PERSON_NOT_GUARDIAN
    assert isinstance(decision, Refusal)
    assert decision.offers_print


def test_print_is_always_allowed() -> None:
    """Print never carries the code, unless the default way is by documents; who it is for is told as by default."""
    by_phone = decide(person("p", ADULT, otp("o")), "print")
    by_guardian = decide(person("p", CHILD, link("a", "mother")), "print")
    by_documents = decide(person("p", ADULT, offline("o")), "print")
    nobody = decide(person("p", CHILD, otp("o")), "print")

    assert by_phone == Print(
        person_id="p",
        relation=Relation.SELF,
        method=MethodType.OTP,
        method_id="o",
        code_ground=None,
        explanation=by_phone.explanation,
    )
    assert why(by_phone) == ("print_chosen",)
    assert isinstance(by_guardian, Print)
    assert (by_guardian.person_id, by_guardian.code_on_paper) == ("mother", False)
    assert why(by_guardian) == ("print_chosen", "confidant_not_checked")
    assert isinstance(by_documents, Print)
    assert (by_documents.code_on_paper, why(by_documents)) == (True, ("print_chosen_with_code",))
    assert isinstance(nobody, Print)
    assert (nobody.method, nobody.method_id, nobody.code_on_paper) == (None, None, False)
    assert why(nobody) == ("print_chosen", "guardian_missing", "own_method_ignored_under_14")


def test_people_needed_are_those_behind_active_links() -> None:
    """Each third person behind an active link is needed once, first-added first; the patient is not needed."""
    patient = person(
        "p",
        ADULT,
        otp("o"),
        link("a", "father", inserted_at=AFTER),
        link("b", "mother", inserted_at=NOW),
        link("c", "mother", inserted_at=AFTER),
        link("d", "paper", is_active=False),
        link("e", "p"),
        link("f", None),
    )

    assert people_needed(patient) == ("mother", "father")


# --- what holds for every patient ----------------------------------------------------------------------------------

IDS = ("p", "q", "r", "s")
# Records are mostly in order, so that most worlds get past the first rule and the properties below are about something.
SOME_TIMES = st.sampled_from([None, BEFORE, NOW, AFTER])
STARTS = st.sampled_from([None, None, BEFORE, BEFORE, NOW, AFTER])
ENDS = st.sampled_from([None, None, None, AFTER, AFTER, NOW, BEFORE])
TYPES = (*MethodType, MethodType.OTP, MethodType.THIRD_PERSON, MethodType.THIRD_PERSON)
MOSTLY = st.sampled_from([True, True, True, True, False])


@st.composite
def any_methods(draw: st.DrawFn, owner: str) -> tuple[AuthenticationMethod, ...]:
    """Methods of every sort and age, as records may hold them, the broken ones included."""
    others = [other for other in IDS if other != owner]
    count = draw(st.integers(1, 5))
    return tuple(
        AuthenticationMethod(
            id=f"{owner}{n}",
            type=draw(st.sampled_from(TYPES)),
            # The number tells whose it is and by which method, so that a test sees where a message would go.
            phone=Phone(f"+38000000{IDS.index(owner)}{n}00") if draw(MOSTLY) else None,
            third_person_id=draw(st.sampled_from([*others, *others, owner, None])),
            started_at=draw(STARTS),
            ended_at=draw(ENDS),
            is_active=draw(MOSTLY),
            inserted_at=draw(SOME_TIMES),
        )
        for n in range(count)
    )


@st.composite
def any_patients(draw: st.DrawFn, owner: str) -> Patient:
    """A person of any age and capacity; the others are mostly adults, as those who act for a person are."""
    relations = st.builds(
        Confidant,
        person_id=st.sampled_from([other for other in IDS if other != owner]),
        is_active=MOSTLY,
        is_verified=MOSTLY,
        active_to=ENDS,
    )
    ages = [ADULT, TEEN, CHILD, date(2011, 9, 10), date(2011, 9, 11)] + ([] if owner == "p" else [ADULT] * 8)
    capacities = [None, *LegalCapacity] + ([] if owner == "p" else [None] * 6)
    return Patient(
        id=owner,
        birth_date=draw(st.sampled_from(ages)),
        legal_capacity=draw(st.sampled_from(capacities)),
        methods=draw(any_methods(owner)),
        confidants=tuple(draw(st.lists(relations, max_size=4))) if draw(MOSTLY) else None,
    )


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Patient, dict[str, Patient]]:
    """A patient and the known records of the other persons; one may be missing."""
    others = [draw(any_patients(owner)) for owner in IDS[1:] if draw(MOSTLY)]
    return draw(any_patients("p")), {other.id: other for other in others}


@st.composite
def worlds_of_dependents(draw: st.DrawFn) -> tuple[Patient, dict[str, Patient]]:
    """Somebody under 14 or without capacity with three links in force; most things about the linked are in order."""
    people = {
        name: Patient(
            id=name,
            birth_date=draw(st.sampled_from([ADULT, TEEN, ADULT, CHILD])),
            legal_capacity=draw(st.sampled_from([None, None, None, LegalCapacity.NONE])),
            methods=(otp(f"{name}0", P2, is_active=draw(MOSTLY)), offline(f"{name}1", is_active=draw(MOSTLY))),
        )
        for name in IDS[1:]
    }
    relations = tuple(
        Confidant(person_id=name, is_active=draw(MOSTLY), is_verified=draw(MOSTLY), active_to=draw(ENDS))
        for name in draw(st.lists(st.sampled_from(IDS[1:]), min_size=1, max_size=4))
    )
    born, capacity = draw(st.sampled_from([(CHILD, None), (CHILD, LegalCapacity.FULL), (ADULT, LegalCapacity.NONE)]))
    links = tuple(link(f"p{n}", name, ended_at=draw(ENDS)) for n, name in enumerate(IDS[1:]))
    confidants = relations if draw(MOSTLY) else None
    methods = (*links, otp("p3", P1), offline("p4"))
    return person("p", born, *methods, legal_capacity=capacity, confidants=confidants), people


WORLDS = worlds()
CHOICES = st.sampled_from([None, None, None, "print", "nothing", *(f"p{n}" for n in range(5))])
World = tuple[Patient, dict[str, Patient]]


def is_alive(method: AuthenticationMethod) -> bool:
    """The rule on active methods, said once more, apart from the code under test."""
    started = method.started_at is None or method.started_at <= NOW
    return method.is_active and started and (method.ended_at is None or method.ended_at > NOW)


def has_guardian(patient: Patient, person_id: str) -> bool:
    """Whether a relation to that person is active, approved and unexpired."""
    return any(
        relation.person_id == person_id
        and relation.is_active
        and relation.is_verified
        and (relation.active_to is None or relation.active_to > NOW)
        for relation in patient.confidants or ()
    )


@given(WORLDS, CHOICES)
def test_a_decision_uses_only_what_is_in_force(world: World, choice: str | None) -> None:
    """Every patient and choice gets a decision; a used method is alive, and a phone is its owner's living one."""
    patient, people = world
    decision = decide(patient, choice, people)

    if isinstance(decision, Refusal):
        assert choice != "print"
        return
    used = [method for method in patient.methods if method.id == decision.method_id]
    assert all(is_alive(method) for method in used)
    informed = patient if decision.relation is Relation.SELF else people[decision.person_id]
    assert informed.id == decision.person_id
    if isinstance(decision, Inform):
        own = [m for m in informed.methods if m.type is MethodType.OTP and m.phone == decision.phone]
        assert any(is_alive(method) for method in own)
    elif decision.code_on_paper:
        assert any(m.type is MethodType.OFFLINE and is_alive(m) for m in informed.methods)


@settings(max_examples=300)
@given(worlds_of_dependents(), CHOICES)
def test_the_dependent_are_reached_only_through_a_guardian(world: World, choice: str | None) -> None:
    """Under 14 or without capacity, no message and no code goes to anybody but a living link's usable guardian."""
    patient, people = world
    decision = decide(patient, choice, people)

    if isinstance(decision, Inform) or (isinstance(decision, Print) and decision.code_on_paper):
        event(type(decision).__name__)  # shown by --hypothesis-show-statistics: the property must not be empty
        assert decision.relation is Relation.THIRD_PERSON
        guardian = people[decision.person_id]
        assert any(m.third_person_id == guardian.id and is_alive(m) for m in patient.methods)
        assert patient.confidants is None or has_guardian(patient, guardian.id)
        assert age_on(guardian.birth_date, kyiv_date(NOW)) >= 14
        assert guardian.legal_capacity is not LegalCapacity.NONE


@given(WORLDS, CHOICES)
def test_links_are_never_chained(world: World, choice: str | None) -> None:
    """Whoever is informed is the patient or somebody the patient is linked to directly."""
    patient, people = world
    decision = decide(patient, choice, people)

    if not isinstance(decision, Refusal) and decision.relation is Relation.THIRD_PERSON:
        links = {m.third_person_id for m in patient.methods if m.id == decision.method_id}
        assert links == {decision.person_id}
        assert decision.person_id in people_needed(patient)


@given(WORLDS, CHOICES, st.integers(0, 10_000))
def test_the_order_of_methods_does_not_matter(world: World, choice: str | None, seed: int) -> None:
    """Shuffled methods, of the patient and of the others, give the same decision; so does asking for fewer records."""
    patient, people = world
    shuffle = random.Random(seed)  # noqa: S311 - a reproducible shuffle, not a secret

    def shuffled(one: Patient) -> Patient:
        return replace(one, methods=tuple(shuffle.sample(one.methods, len(one.methods))))

    needed = {name: shuffled(people[name]) for name in people_needed(patient) if name in people}

    assert decide(shuffled(patient), choice, needed) == decide(patient, choice, people)


@given(WORLDS)
@example((person("p", CHILD, otp("o")), {}))
def test_the_default_order(world: World) -> None:
    """A capable adult with a living phone is informed on it; with documents and no phone gets paper; always."""
    patient, people = world
    adult = replace(patient, birth_date=ADULT, legal_capacity=None)
    decision = decide(adult, None, people)
    alive = [method for method in adult.methods if is_alive(method)]

    if any(method.type is MethodType.OTP and method.phone for method in alive):
        assert isinstance(decision, Inform)
        assert decision.relation is Relation.SELF
    elif any(method.type is MethodType.OFFLINE for method in alive):
        assert isinstance(decision, Print)
        assert (decision.relation, decision.code_on_paper) == (Relation.SELF, True)


def test_a_programme_without_messages_puts_everybody_on_paper_with_the_code() -> None:
    """Whoever would be informed by phone or on paper stays that person, on paper with the code; a refusal stays one."""
    by_phone = decide(person("p", ADULT, otp("a")))
    on_paper = decide(person("p", ADULT, offline("b")))
    for decided, method in ((by_phone, MethodType.OTP), (on_paper, MethodType.OFFLINE)):
        printed = without_messages(decided)
        assert isinstance(printed, Print)
        assert (printed.person_id, printed.method, printed.code_ground) == ("p", method, CodeGround.PROGRAMME)
        assert why(printed) == ("programme_without_messages",)
    refused = decide(person("p", ADULT))
    assert isinstance(refused, Refusal)
    assert without_messages(refused) is refused

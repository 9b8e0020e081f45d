"""The texts of messages: what is proved at load, and what a filled message says."""

import re
from dataclasses import replace
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.kinds import KINDS, PLAIN_TEXT_LENGTH_MAX, PURPOSE_LENGTH_MAX, Field
from esoz_notify.core.numbers import NumberFormat, NumberProblem, parse
from esoz_notify.core.sms_text import Encoding, count
from esoz_notify.core.verification import PURPOSES
from esoz_notify.render import texts as module
from esoz_notify.render.templates import CODE_LENGTH_MAX, longest
from esoz_notify.render.text_rules import YOURS, faults
from esoz_notify.render.texts import builtin_texts, load_texts

SOURCE = resources.files("esoz_notify.render").joinpath("texts.toml").read_text("utf-8")
NUMBER = "0000-243P-1X53-EH38"
LONGEST = {
    "request_number": "XXXX-MMMM-HHHH-KKKK",
    "verification_code": "98765432",
    "created_at": "2026-11-22",
    "purpose": "Щ" * PURPOSE_LENGTH_MAX,
    "body": "Щ" * PLAIN_TEXT_LENGTH_MAX,
}
PARTS = {
    "care_plan_created.uk": 2,
    "care_plan_created.uk.for_other": 2,
    "confirmation_code.en": 2,
    "confirmation_code.en.for_other": 2,
    "plain_text.uk": 5,
    "plain_text.en": 5,
}
FOR_OTHER = (False, True)
MESSAGE_CHANNELS = (Channel.SMS, Channel.VIBER, Channel.DIIA)


def _data(kind_name: str, *, optional: bool = True) -> dict[str, str]:
    return {field.name: LONGEST[field.name] for field in KINDS[kind_name].fields if field.required or optional}


def _sms(kind_name: str, data: dict[str, str], language: str = "uk", *, for_other: bool = False) -> str:
    return builtin_texts().message(kind_name, Channel.SMS, language, data, for_other=for_other).text


@pytest.mark.parametrize("name", sorted(builtin_texts().templates))
def test_every_sms_fits_its_parts(name: str) -> None:
    """With the longest data a Ukrainian SMS is one part of 70 units; a care plan is two, because it must explain."""
    template = builtin_texts().templates[name]
    for_other = "for_other" in name
    kind_name, language = name.split(".")[:2]
    data = {field.name: LONGEST[field.name] for field in template.fields}
    counted = count(_sms(kind_name, data, language, for_other=for_other))
    assert counted.segment_count == PARTS.get(name, 1)
    assert language == "en" or counted.encoding is Encoding.UCS2


@pytest.mark.parametrize("for_other", FOR_OTHER)
@pytest.mark.parametrize("optional", [True, False])
@pytest.mark.parametrize("language", module.LANGUAGES)
@pytest.mark.parametrize("kind_name", sorted(KINDS))
def test_every_message_says_its_data(kind_name: str, language: str, *, optional: bool, for_other: bool) -> None:
    """Whatever the kind, language, recipient and channel: every datum is in the text and no brace is left."""
    data = _data(kind_name, optional=optional)
    shown = {**data, **({"created_at": "22.11.2026"} if "created_at" in data else {})}
    for channel in MESSAGE_CHANNELS:
        rendered = builtin_texts().message(kind_name, channel, language, data, for_other=for_other)
        assert [value for value in shown.values() if value not in rendered.text] == []
        assert rendered.parameters == shown
        assert "{" not in rendered.text
        assert rendered.template.startswith(f"{kind_name}.{language}")


def test_a_prescription_reads_like_this() -> None:
    """The texts that patients know keep their meaning: number first, then the code and where it is used."""
    data = {"request_number": NUMBER, "verification_code": "1234"}
    assert _sms("prescription_issued", data) == "Ваш рецепт: 0000-243P-1X53-EH38. Код для аптеки: 1234"


def test_a_code_says_what_for_how_long_and_to_whom_not() -> None:
    """A code in 70 units: for whom, purpose, life in minutes, and a warning against strangers."""
    data = {"verification_code": "1234", "purpose": "декларація з лікарем"}
    assert _sms("confirmation_code", data) == "Ваш код 1234 діє 5 хв: декларація з лікарем. Чужим не кажіть"
    assert _sms("confirmation_code", data, for_other=True) == (
        "Код 1234 за близьку людину, діє 5 хв: декларація з лікарем"
    )


@pytest.mark.parametrize("purpose", sorted(PURPOSES))
@pytest.mark.parametrize("language", module.LANGUAGES)
@pytest.mark.parametrize("for_other", FOR_OTHER)
def test_phones_find_the_code(purpose: str, language: str, *, for_other: bool) -> None:
    """A phone offers to copy the number after the word for a code: it is the only one of four digits or more."""
    row = PURPOSES[purpose]
    for words in row.words.values():
        data = {"verification_code": "7" * row.code_length, "purpose": words.of(language)}
        text = _sms("confirmation_code", data, language, for_other=for_other)
        assert re.findall(r"[0-9]{4,}", text) == ["7" * row.code_length]
        assert re.search(r"(код|code) 7", text, re.IGNORECASE)
        assert count(text).segment_count == 1


def test_the_life_of_a_code_is_the_one_its_text_promises() -> None:
    """The texts say five minutes, so the kind must live 300 seconds."""
    assert KINDS["confirmation_code"].validity_s == 300


@pytest.mark.parametrize(
    ("data", "template"),
    [
        ({"request_number": NUMBER, "verification_code": "1234"}, "prescription_issued.uk"),
        ({"request_number": NUMBER}, "prescription_issued.uk.without_verification_code"),
        ({"request_number": NUMBER, "verification_code": ""}, "prescription_issued.uk.without_verification_code"),
    ],
)
def test_an_absent_optional_datum_chooses_its_variant(data: dict[str, str], template: str) -> None:
    """A datum that is absent or empty is never shown as a gap: the variant without it is used."""
    assert builtin_texts().message("prescription_issued", Channel.SMS, "uk", data).template == template


def test_a_guardian_is_not_told_that_it_is_theirs() -> None:
    """A message to another person than the patient never says 'your'."""
    for kind_name in KINDS:
        for language in module.LANGUAGES:
            for channel in MESSAGE_CHANNELS:
                text = builtin_texts().message(kind_name, channel, language, _data(kind_name), for_other=True).text
                assert not YOURS.search(text), text


def test_a_text_without_your_serves_both() -> None:
    """A kind whose text fits anybody has no variant of its own for another person."""
    data = {"request_number": NUMBER}
    rendered = builtin_texts().message("prescription_blocked", Channel.SMS, "uk", data, for_other=True)
    assert rendered.template == "prescription_blocked.uk"


def test_an_unknown_language_gets_ukrainian() -> None:
    """A patient whose language has no texts is still informed."""
    assert _sms("referral_issued", {"request_number": NUMBER}, "pl").startswith("Ваше направлення")


@settings(deadline=None)  # the machine may be busy; how long it takes is not the rule
@given(purpose=st.text(max_size=30).filter(bool))
def test_data_is_never_taken_for_a_placeholder(purpose: str) -> None:
    """Whatever the data holds, braces included, it appears as it is and pulls nothing else in."""
    text = _sms("confirmation_code", {"verification_code": "1234", "purpose": purpose})
    assert text == f"Ваш код 1234 діє 5 хв: {purpose}. Чужим не кажіть"


def test_a_message_needs_its_required_data() -> None:
    """Intake has checked the data; if it has not, no message with a hole goes out, and no value is repeated."""
    with pytest.raises(ValueError, match="prescription_issued needs request_number"):
        builtin_texts().message("prescription_issued", Channel.SMS, "uk", {"verification_code": "1234"})


def test_paper_has_no_message() -> None:
    """Paper is a page of its own."""
    with pytest.raises(ValueError, match="paper has no message"):
        builtin_texts().message("referral_issued", Channel.PRINT, "uk", {"request_number": NUMBER})


@pytest.mark.parametrize("channel", MESSAGE_CHANNELS)
def test_the_shape_of_a_message_has_none_of_its_data(channel: Channel) -> None:
    """Dots in the places of data, as many as a number has; the variant is that of the message itself."""
    title, text = builtin_texts().shape("prescription_issued", channel, "uk", set())
    message = builtin_texts().message("prescription_issued", channel, "uk", _data("prescription_issued"))
    dots = {"request_number": "••••-••••-••••-••••", "verification_code": "••••"}
    for name, value in _data("prescription_issued").items():
        text = text.replace(dots[name], value, 1)
    assert (text, bool(title)) == (message.text, channel is Channel.DIIA)
    without = builtin_texts().shape("prescription_issued", channel, "uk", {"verification_code"})[1]
    assert without.count("••••") == 4


def test_a_rendered_message_hides_its_text() -> None:
    """The repr of a message reaches no log with a code in it."""
    rendered = builtin_texts().message("confirmation_code", Channel.SMS, "uk", {"verification_code": "4071"})
    assert "4071" not in repr(rendered)


def test_viber_templates_are_within_its_limits() -> None:
    """Double braces, at most 875 characters and 8 parameters, and never a placeholder as the last word."""
    templates = builtin_texts().viber_templates()
    assert templates.keys() == builtin_texts().templates.keys()
    assert "{{request_number}}" in templates["referral_issued.uk"]
    assert all(len(body) <= 875 and body.count("{{") <= 8 for body in templates.values())
    assert [name for name, body in templates.items() if body.rstrip(" .!").endswith("}")] == []


def test_diia_shows_no_data_before_it_is_opened() -> None:
    """Title and short text lie on a locked screen: no placeholder; the full text has single braces."""
    for title, short, full in builtin_texts().diia_templates().values():
        assert "{" not in title + short
        assert len(title) <= 60
        assert len(short) <= 200
        assert len(full) <= 2048
        assert "{" in full
        assert "{{" not in full


def test_the_longest_data_are_what_intake_lets_through() -> None:
    """The proof at load counts with the longest values that the formats allow."""
    for kind in KINDS.values():
        for field in kind.fields:
            if field.format not in {None, NumberFormat.DATE}:
                assert len(parse(field.format, LONGEST[field.name])) == len(longest(field))
    with pytest.raises(NumberProblem):
        parse(NumberFormat.CODE, "0" * (CODE_LENGTH_MAX + 1))


REFERRAL = 'sms = "Ваше направлення: {request_number}. Назвіть цей номер при записі"'
REFERRAL_OTHER = 'sms = "Направлення близької людини: {request_number}. Назвіть при записі"'
BLOCKED = 'sms = "Рецепт {request_number} заблоковано. Зверніться до лікаря"'
ISSUED_TITLE = 'diia_title = "Вам виписано рецепт"\n'
ISSUED_FULL = f'diia_full = "{{request_number}}{{verification_code}}{"я" * 2015}"\n'
BLOCKED_TITLE = 'diia_title = "Рецепт заблоковано"'
BLOCKED_END = "Щоб дізнатися причину, зверніться до лікаря, який його виписав."


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (REFERRAL, "sms =", "x.toml is not TOML"),
        (REFERRAL, "", r"\[referral_issued.uk\] sms is missing"),
        (REFERRAL, 'sms = ""', r"\[referral_issued.uk\] sms must be a text and not empty"),
        (REFERRAL, REFERRAL + "\nsms_segments = 0", "sms_segments must be a number from 1"),
        (REFERRAL, REFERRAL + '\npush = "x"', r"\[referral_issued.uk\] push is not a key of a text"),
        ("{request_number}. Назвіть цей номер при", "123. Назвіть при", r"sms does not use \{request_number\}"),
        ("номер при записі", "{patient}", r"sms uses \{patient\}, which is not among its data: request_number"),
        ("номер при записі", "номер при { записі", "sms has a brace that is not part of a placeholder"),
        ("номер при записі", "номер при записі до лікаря", "sms takes 77 units in 2 parts .* allows 1; shorten it"),
        ("номер при записі", "номер " + "я" * 670, "sms has 727 characters and 670 are allowed"),
        (BLOCKED_TITLE, 'diia_title = "Рецепт\\nзаблоковано"', "diia_title has a character that nobody sees or a line"),
        ("номер при записі", "номер 📞", "sms has a letter that old phones cannot show"),
        (BLOCKED_END, "я" * 875, "viber has 9.. characters and 875 are allowed"),
        (BLOCKED_END, "Номер: {request_number}.", "viber ends with a placeholder"),
        (BLOCKED_TITLE, f'diia_title = "{"я" * 61}"', "diia_title has 61 characters and 60 are allowed"),
        (BLOCKED_TITLE, 'diia_title = "{request_number}"', "diia_title has a brace; a locked phone shows this text"),
        (ISSUED_TITLE, ISSUED_TITLE + ISSUED_FULL, "diia_full has 2050 characters and 2048 are allowed"),
        (BLOCKED_TITLE, f'{BLOCKED_TITLE}\ndiia_full = "{{request_number}}{"я" * 2048}"', "diia_full has 2067"),
        (
            REFERRAL_OTHER,
            REFERRAL_OTHER.replace("Направлення близької людини", "Ваше"),
            "sms says 'your', and it goes to",
        ),
        (BLOCKED, BLOCKED.replace("Рецепт", "Ваш"), r"says 'your', so \[prescription_blocked.uk.for_other\] must be"),
        ("[prescription_blocked.en]", "[prescription_blocked.de]", r"\[prescription_blocked.de\] is not a language"),
        ("[prescription_blocked.en]", "[prescription_blocked.de]", r"\[prescription_blocked.en\] is missing"),
        ("[prescription_blocked.en]", "[prescription_lost.en]", r"\[prescription_lost\] is not a kind"),
        ("uk.without_created_at]", "uk.without_date]", r"\[prescription_rejected.uk.without_date\] is not a variant"),
        ("uk.without_created_at]", "uk.without_date]", r"\[prescription_rejected.uk.without_created_at\] is missing"),
    ],
)
def test_a_spoilt_file_stops_the_start(old: str, new: str, problem: str) -> None:
    """Every rule is told with its section; nothing is loaded."""
    assert SOURCE.count(old) >= 1
    with pytest.raises(ConfigError, match=problem):
        load_texts(SOURCE.replace(old, new, 1), source="x.toml")


def test_all_problems_are_told_at_once() -> None:
    """Two mistakes in two sections need one start, not two."""
    spoilt = SOURCE.replace(REFERRAL, 'sms = ""').replace(BLOCKED, "")
    with pytest.raises(ConfigError) as caught:
        load_texts(spoilt, source="x.toml")
    assert "[referral_issued.uk]" in caught.value.detail
    assert "[prescription_blocked.uk]" in caught.value.detail


def test_viber_parameters_are_counted() -> None:
    """No kind of today has nine data or a name of 51 letters; such a template would be refused."""
    fields = tuple(Field(name=f"{'n' * 50}{count}") for count in range(9))
    template = replace(builtin_texts().templates["referral_issued.uk"], fields=fields)
    assert [str(one) for one in faults(template) if one.code.startswith("parameter")] == [
        "viber has 9 parameters and 8 are allowed",
        "viber has a parameter whose name is longer than 50",
    ]

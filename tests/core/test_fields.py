"""Reading one JSON object."""

from esoz_notify.core.fields import HIDDEN_NAME, Fields, Findings, shown


def test_only_names_that_look_like_names_are_shown() -> None:
    """A phone, a person's name or a path as a field name is replaced by a stand-in."""
    assert [shown(name) for name in ("tax_id", "+380000000001", "Іван", "a/b", "")] == ["tax_id", *[HIDDEN_NAME] * 4]


def test_a_field_is_told_once() -> None:
    """Whoever adds a rule can see that a field has a broken one already."""
    fields = Fields({"a": 1}, "/data", Findings())
    assert not fields.has_problem("a")
    fields.text("a")

    assert fields.has_problem("a")
    assert not fields.has_problem("b")


def test_what_nobody_asked_for_is_left() -> None:
    """Asking for a field under any of its names uses all of them; the rest is left, in order."""
    fields = Fields({"z": 1, "b": 2, "a": None}, "", Findings())

    assert fields.find("a", "b") == ("b", 2)
    assert fields.left() == ("z",)

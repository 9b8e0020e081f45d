"""The tables of labels: complete, short, and without two members that look the same."""

from collections.abc import Mapping
from enum import StrEnum

import pytest

from esoz_notify.core.receipts import Reason
from esoz_notify.core.status import Outcome, Status
from esoz_notify.render.labels import OUTCOME_LABELS, REASON_LABELS, STATUS_LABELS, Label

TABLES = [(STATUS_LABELS, Status), (OUTCOME_LABELS, Outcome), (REASON_LABELS, Reason)]


@pytest.mark.parametrize(("table", "members"), TABLES)
def test_every_member_has_a_label(table: Mapping[StrEnum, Label], members: type[StrEnum]) -> None:
    """A new status, outcome or reason cannot appear before people have a word for it."""
    assert set(table) == set(members)


@pytest.mark.parametrize(("table", "members"), TABLES)
def test_labels_are_short_distinct_and_explained(table: Mapping[StrEnum, Label], members: type[StrEnum]) -> None:
    """A label fits a narrow column, no two of a table are equal, and each explanation is whole sentences."""
    for language in ("uk", "en"):
        words = [label.words(language) for label in table.values()]
        assert len({word.label for word in words}) == len(members)
        assert all(0 < len(word.label) <= 40 for word in words)
        assert all(word.explanation.endswith(".") for word in words)


def test_an_unknown_language_gets_ukrainian() -> None:
    """As everywhere that people read."""
    assert STATUS_LABELS[Status.DELIVERED].words("pl") == STATUS_LABELS[Status.DELIVERED].uk

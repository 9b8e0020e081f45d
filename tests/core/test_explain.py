"""Every decision has its sentences."""

import re

from esoz_notify.core.explain import EXPLANATIONS, explain
from esoz_notify.core.recipient import RefusalReason


def test_every_refusal_is_explained() -> None:
    """The code of a refusal is the code of a row."""
    assert [explain(reason).code for reason in RefusalReason] == [reason.value for reason in RefusalReason]


def test_every_row_speaks_both_languages() -> None:
    """Each row has one Ukrainian and one English sentence; Ukrainian has Ukrainian letters, English has none."""
    for code, row in EXPLANATIONS.items():
        assert re.fullmatch(r"[a-z0-9_]+", code)
        assert re.search(r"[а-щьюяєіїґ]", row.uk)
        assert row.uk.endswith(".")
        assert not re.search(r"[а-яєіїґ]", row.en, re.IGNORECASE)
        assert row.en.endswith(".") or row.en.endswith(").")

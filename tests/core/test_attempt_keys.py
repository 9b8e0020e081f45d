"""Keys of attempts: computed again after any crash, and read back from what a provider repeats."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.core.attempt_keys import attempt_key, read_attempt_key


@given(st.uuids(), st.integers(min_value=0, max_value=9999))
def test_a_key_names_its_attempt(notification_id: UUID, no: int) -> None:
    """What was written into a key is read from it."""
    assert read_attempt_key(attempt_key(notification_id, no)) == (notification_id, no)


@given(st.text())
def test_anything_else_is_no_key(text: str) -> None:
    """A provider may repeat anything: what is no key of ours is None, never an error."""
    read = read_attempt_key(text)

    assert read is None or attempt_key(*read) == text


@pytest.mark.parametrize(
    "text", ["", "1", "0198c0de-0000-7000-8000-000000000001", "0198c0de-0000-7000-8000-000000000001.x"]
)
def test_near_misses_are_no_keys(text: str) -> None:
    """An id without its number, or with something else behind it, names no attempt."""
    assert read_attempt_key(text) is None

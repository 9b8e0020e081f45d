"""Bytes, headers and queries: what is taken and what is refused."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.api import reading
from esoz_notify.api.rates import RateLimit, Rates
from esoz_notify.api.reading import BadRequest, MalformedJson, NotAcceptable
from esoz_notify.core.errors import InvalidInput, NotifyError
from esoz_notify.engine.quotas import Quotas

TEXTS = st.text(max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_a_good_object_is_read_as_it_is(document: dict[str, Any]) -> None:
    """Whatever object is written by whichever writer, the same values come out."""
    assert reading.json_object(msgspec.json.encode(document)) == document
    assert reading.json_object(json.dumps(document, indent=1, ensure_ascii=True).encode()) == document


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,\\u0d8 1e+-.a', max_size=60).map(str.encode))
def test_any_bytes_are_an_object_or_a_refusal(body: bytes) -> None:
    """No bytes make anything else than an object or an error of ours, and the error repeats none of them."""
    try:
        found = reading.json_object(body)
    except (MalformedJson, InvalidInput):
        return
    assert isinstance(found, dict)


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=3), st.data())
def test_a_member_named_twice_is_refused(document: dict[str, Any], data: st.DataObject) -> None:
    """At whatever depth and in whatever spelling, two members of one name are not taken."""
    name = data.draw(st.sampled_from(sorted(document)))
    escaped = "".join(f"\\u{unit:04x}" for unit in memoryview(name.encode("utf-16-le")).cast("H"))
    inner = json.dumps(document)[:-1] + f', "{escaped}": ":"}}'

    for body in (inner, f'{{"outer": [{inner}]}}'):
        with pytest.raises(MalformedJson, match="twice"):
            reading.json_object(body.encode())


def test_depth_is_bounded() -> None:
    """As deep as the limit is read, one deeper is not."""

    def nested(depth: int) -> bytes:
        return b'{"a":' * depth + b"1" + b"}" * depth

    assert reading.json_object(nested(reading.DEPTH_MAX))
    with pytest.raises(MalformedJson, match="deeper"):
        reading.json_object(nested(reading.DEPTH_MAX + 1))


@given(st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=100))
def test_a_quoted_key_is_the_bare_one(key: str) -> None:
    """Every key can be written as a quoted string, and is the same key as the bare one where that can be written."""
    quoted = '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert reading.idempotency_key([quoted]) == key
    if not set(key) & set('"\\(),;<>?[]{}'):
        assert reading.idempotency_key([key]) == key


@pytest.mark.parametrize(
    "values", [["a", "a"], ['"a" b'], ['"'], ['""'], ['"a\\b"'], ["a,b"], ["a\tb"], ["ы"], ['"ы"']]
)
def test_a_key_that_cannot_be_compared_is_refused(values: list[str]) -> None:
    """Two values, half a string, an empty one and foreign letters are not keys."""
    with pytest.raises(BadRequest) as refused:
        reading.idempotency_key(values)

    assert refused.value.code == "idempotency_key_invalid"


@pytest.mark.parametrize(
    ("value", "is_kept"),
    [
        (f"00-{'a' * 32}-{'b' * 16}-01", True),
        (f"cc-{'a' * 32}-{'b' * 16}-00", True),
        (f"ff-{'a' * 32}-{'b' * 16}-01", False),
        (f"00-{'0' * 32}-{'b' * 16}-01", False),
        (f"00-{'a' * 32}-{'0' * 16}-01", False),
        (f"00-{'A' * 32}-{'b' * 16}-01", False),
        (f"00-{'a' * 32}-{'b' * 16}-01\n", False),
        ("", False),
        (None, False),
    ],
)
def test_trace_contexts(value: str | None, *, is_kept: bool) -> None:
    """Only what W3C Trace Context calls valid is kept."""
    assert reading.traceparent(value) == (value if is_kept else None)


OFFERED = ("application/pdf", "text/html")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, OFFERED[0]),
        ("", OFFERED[0]),
        ("*/*", OFFERED[0]),
        ("text/html", OFFERED[1]),
        ("TEXT/HTML;level=1", OFFERED[1]),
        ("text/*", OFFERED[1]),
        ("text/html, application/pdf", OFFERED[0]),
        ("text/html, application/pdf;q=0.9", OFFERED[1]),
        ("application/pdf;q=0, */*;q=0.1", OFFERED[1]),
        ("text/html;q=0.5, */*;q=0.4", OFFERED[1]),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", OFFERED[1]),
        ("application/json", None),
        ("text/html;q=0", None),
        ("text/html;q=much", None),
        (";;,,=", None),
    ],
)
def test_the_accepted_type_is_chosen(accept: str | None, chosen: str | None) -> None:
    """The highest quality wins, the more exact range counts, and the first offered breaks ties."""
    if chosen is None:
        with pytest.raises(NotAcceptable):
            reading.preferred(accept, OFFERED)
    else:
        assert reading.preferred(accept, OFFERED) == chosen


@given(st.binary(max_size=80))
def test_any_bytes_are_a_form_or_a_refusal(body: bytes) -> None:
    """A form is names and values, each name once, or it is refused."""
    try:
        found = reading.form(body)
    except NotifyError as error:
        assert isinstance(error, BadRequest)  # noqa: PT017 - there may be none
        return
    assert all(isinstance(value, str) for value in found.values())


@given(st.lists(st.floats(0, 30), min_size=1, max_size=60))
def test_no_window_holds_more_than_the_quota_twice(gaps_s: list[float]) -> None:
    """In any stretch of time as long as the window at most one full bucket and one refill are let through."""
    limit = RateLimit(quota=5, window_s=10)
    now_s = 0.0
    rates = Rates(Quotas(lambda: now_s), limit)
    allowed: list[float] = []
    for gap_s in gaps_s:
        now_s += gap_s
        allowance = rates.take("a")
        assert 0 <= allowance.left <= limit.quota
        if not allowance.wait_s:
            allowed.append(now_s)
    for start_s in allowed:
        assert sum(start_s <= at_s <= start_s + limit.window_s for at_s in allowed) <= 2 * limit.quota


def test_after_the_told_wait_the_next_is_allowed() -> None:
    """Whoever waits as long as told is let in."""
    now_s = 0.0
    rates = Rates(Quotas(lambda: now_s), RateLimit(quota=2, window_s=60))
    waits = [rates.take("a").wait_s for _ in range(3)]
    now_s = float(waits[2])

    assert waits == [0, 0, 30]
    assert rates.take("a").wait_s == 0

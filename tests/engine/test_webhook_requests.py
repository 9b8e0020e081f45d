"""Bodies of calls about webhooks: what may be asked, and every broken rule by its field."""

from typing import Any

import pytest
from yarl import URL

from esoz_notify.core.errors import InvalidInput
from esoz_notify.core.webhooks import EventName
from esoz_notify.engine.webhook_requests import is_loopback, read_hours, read_span, read_webhook, shown

URL_ = "https://mis.example/webhooks?token=a-secret-of-theirs"


def wrong(refused: pytest.ExceptionInfo[InvalidInput]) -> list[tuple[str, str]]:
    return [(one.pointer, one.code) for one in refused.value.problems]


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({}, [("/url", "required")]),
        ({"url": 7}, [("/url", "wrong_type")]),
        ({"url": "http://mis.example/"}, [("/url", "address")]),
        ({"url": "https://mis.example:8443/"}, [("/url", "address")]),
        ({"url": "https://user:password@mis.example/"}, [("/url", "address")]),
        ({"url": "https://10.0.0.1/"}, [("/url", "address")]),
        ({"url": "https://169.254.169.254/latest"}, [("/url", "address")]),
        ({"url": "https://[::1"}, [("/url", "address")]),
        ({"url": "mis.example"}, [("/url", "address")]),
        ({"url": f"https://mis.example/{'x' * 2000}"}, [("/url", "address")]),
        ({"url": URL_, "events": "all"}, [("/events", "unknown_event")]),
        ({"url": URL_, "events": ["notification.read"]}, [("/events", "unknown_event")]),
        ({"url": URL_, "events": ["webhook.test"]}, [("/events", "unknown_event")]),
        ({"url": URL_, "secret": "mine"}, [("/secret", "unknown_field")]),
        ({"events": [1], "x": 1}, [("/url", "required"), ("/events", "unknown_event"), ("/x", "unknown_field")]),
    ],
)
def test_a_webhook_that_may_not_be(body: dict[str, Any], problems: list[tuple[str, str]]) -> None:
    """Addresses that are no https URL outside, and events that there are not, each with the fix."""
    with pytest.raises(InvalidInput) as refused:
        read_webhook(body, required=True, loopback=False)

    assert wrong(refused) == problems
    assert all(one.detail for one in refused.value.problems)
    assert "a-secret-of-theirs" not in str(refused.value)


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({}, [("/since", "required")]),
        ({"since": "yesterday"}, [("/since", "not_a_time")]),
        ({"since": "2026-11-02T00:00:00Z", "until": "2026-11-01T00:00:00Z"}, [("/until", "range")]),
        (
            {"since": "2026-11-02T00:00:00Z", "cursor": "x", "delivered": 1, "all": True},
            [("/delivered", "wrong_type"), ("/cursor", "format"), ("/all", "unknown_field")],
        ),
    ],
)
def test_a_span_that_is_none(body: dict[str, Any], problems: list[tuple[str, str]]) -> None:
    """Every broken rule by its field."""
    with pytest.raises(InvalidInput) as refused:
        read_span(body)

    assert wrong(refused) == problems


@pytest.mark.parametrize("hours", [-1, 169, "2", True, []])
def test_hours_that_are_none(hours: object) -> None:
    """Out of range, or no number."""
    with pytest.raises(InvalidInput) as refused:
        read_hours({"keep_old_hours": hours})

    assert wrong(refused) == [("/keep_old_hours", "range")]


def test_what_is_not_said_is_as_it_is() -> None:
    """A change names what changes; events are told in the order of their list, each once."""
    nothing = read_webhook({}, required=False, loopback=False)
    some = read_webhook(
        {"events": ["notification.expired", "notification.delivered", "notification.expired"], "enabled": False},
        required=False,
        loopback=False,
    )

    assert (nothing.url, nothing.events, nothing.enabled) == (None, None, None)
    assert (some.url, some.events, some.enabled) == (None, (EventName.DELIVERED, EventName.EXPIRED), False)


LOCAL = ("http://localhost:9000/hooks", "http://127.0.0.1:9000/", "http://[::1]/", "https://localhost/")


@pytest.mark.parametrize("url", LOCAL)
def test_this_very_machine_is_for_developing(url: str) -> None:
    """Only where a setting allows it, and told from names that merely begin so."""
    assert read_webhook({"url": url}, required=True, loopback=True).url == url
    assert is_loopback(URL(url))


@pytest.mark.parametrize("url", ["http://127.0.0.1.mis.example/", "http://localhost.mis.example/", "http://10.0.0.1/"])
def test_developing_opens_nothing_else(url: str) -> None:
    """A name is not on this machine by what it begins with."""
    with pytest.raises(InvalidInput):
        read_webhook({"url": url}, required=True, loopback=True)
    assert not is_loopback(URL(url))


def test_a_query_is_not_shown() -> None:
    """It may hold a secret."""
    assert shown(f"{URL_}#part") == "https://mis.example/webhooks"

"""Where a visitor comes from."""

import ipaddress

import pytest

from esoz_notify.console import origin

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
PROXIES = [ipaddress.ip_network("10.0.0.0/8")]


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        (CHROME, "Chrome · Windows"),
        (f"{CHROME} Edg/142.0.0.0", "Edge · Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0", "Firefox · Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile/15E148 Safari/604.1",
            "Safari · iPhone",
        ),
        ("curl/8.0", ""),
        ("", ""),
        ("<script>" * 500, ""),
    ],
)
def test_browsers_in_two_words(agent: str, told: str) -> None:
    """Browser and system; of what is unknown nothing is kept."""
    assert origin.device(agent) == told


@pytest.mark.parametrize(
    ("client", "forwarded", "address"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.3", "10.0.0.3"),
        ("10.0.0.1", "nonsense", "nonsense"),
        ("", "198.51.100.1", ""),
    ],
)
def test_only_our_proxies_are_believed(client: str, forwarded: str, address: str) -> None:
    """A header of anybody else's proves nothing; of ours the last stranger counts."""
    assert origin.address(client, {"x-forwarded-for": forwarded}, PROXIES) == address

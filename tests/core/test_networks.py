"""Who is behind a connection."""

from ipaddress import ip_network

import pytest

from esoz_notify.core.networks import HOPS_MAX, behind, is_in, read_address

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def test_addresses_are_read_as_what_they_are() -> None:
    """One of IPv4 in the dress of IPv6 is one of IPv4; what is none is None."""
    assert str(read_address("::ffff:10.0.0.1")) == "10.0.0.1"
    assert str(read_address("fd00::1")) == "fd00::1"
    assert [read_address(text) for text in ("", "nonsense", "10.0.0", "10.0.0.1/8")] == [None] * 4
    assert is_in("::ffff:10.0.0.1", PROXIES)
    assert not is_in("192.0.2.1", PROXIES)
    assert not is_in("nonsense", PROXIES)


@pytest.mark.parametrize(
    ("client", "forwarded", "who"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1, fd00::2", "198.51.100.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, ,", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, nonsense", "nonsense"),
        ("", "198.51.100.1", ""),
    ],
)
def test_only_our_proxies_are_believed(client: str, forwarded: str, who: str) -> None:
    """The last stranger counts; nothing before what our proxies wrote is believed."""
    assert behind(client, forwarded, PROXIES) == who


def test_a_chain_has_an_end() -> None:
    """Beyond the bound nothing is read, however long the header is."""
    assert behind("10.0.0.1", ",".join(["1.2.3.4", *["10.0.0.2"] * HOPS_MAX]), PROXIES) == "10.0.0.2"

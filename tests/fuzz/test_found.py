"""What fuzzing has found: the smallest input of each fault, which broke its target before the fault was mended."""

import pytest
from tests.fuzz.targets import TARGETS

FOUND = {
    "a language without a hash ended in 500": (
        "bodies", b'\0{"kind":"confirmation_code","recipient":{"phone":"+380000000001","language":[]}}'),
    "a name with a phone in it was told": ("bodies", b'\0{"a380000000001":1}'),
    "a receipt's error code with a phone in it was kept": ("smpp_receipt", b"id:1 stat:UNDELIV err:380000000001"),
    "a home folder of nobody was a traceback": ("settings", b"DATA=~nobody-of-that-name"),
    "a port that is none repeated the password": ("settings", b"SMSCS=smpp://a:b@c:s3cret"),
    "a host that is none repeated the password": ("settings", "SMSCS=smpp://a:s3cret@c℀".encode()),
    "a rate that is none was repeated with what stood in it": (
        "settings", b"SMSCS=smpp://a:b@c?rate=DSN=postgresql://a:s3cret@b"),
    "a URL that is none was a traceback": ("settings", b"VIBER_URL=https://v[x"),
    "a price with digits enough for a phone was kept whole": (
        "infobip_poll",
        b'\0{"results":[{"messageId":"1","status":{},"price":{"pricePerMessage":0.1111111111111115,"currency":"EUR"}}]}',
    ),
    "texts that nest too deep were a traceback": ("texts_file", b"a=" + b"[" * 5_000),
    "a number of 5,000 digits was a traceback": ("texts_file", b"a=" + b"1" * 5_000),
    "policies that nest too deep were a traceback": ("policy", b"a=" + b"[" * 5_000),
    "a policy's number of 5,000 digits was a traceback": ("policy", b"a=" + b"1" * 5_000),
}  # fmt: skip


@pytest.mark.parametrize("fault", FOUND)
def test_it_stays_mended(fault: str) -> None:
    """The input is read or refused as its target promises."""
    target, data = FOUND[fault]
    TARGETS[target].play(data)

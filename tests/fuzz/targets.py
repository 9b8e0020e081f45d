"""Everything of ours that reads what strangers write, each as one small function of octets, in one table.

What belongs here: the functions, what they promise of every input, and the errors that they may end in. What does not:
where inputs come from (``inputs``, ``guided``). A part of an input ends at the octet FF, which no UTF-8 text holds.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.channels.adapter_contract import MESSAGE, Conversation, messages
from tests.fuzz import seeds
from tests.fuzz.smsc_script import play_session

from esoz_notify.api import fhir_reading, reading
from esoz_notify.api.compat_govuk import read_sms
from esoz_notify.api.compat_govuk_envelope import sentence
from esoz_notify.api.compat_shapes import RECIPIENTS_MAX
from esoz_notify.api.compat_turbosms import Refusal, read_ids, read_sending
from esoz_notify.api.esoz_envelope import path_phone
from esoz_notify.api.fhir_outcome import expression
from esoz_notify.api.operating import read_reason
from esoz_notify.api.problems import problem
from esoz_notify.channels import diia, infobip
from esoz_notify.channels.dialogue import HttpCall, HttpReply, NoReply, Receipt, ReceiptProblem
from esoz_notify.channels.infobip_codes import GROUPS
from esoz_notify.channels.json_reading import elements, member, parse
from esoz_notify.channels.smpp import SmppAccount
from esoz_notify.channels.smpp_pdu import BadPdu, FrameReader, ShortMessage, Tag, Tlv, decode, encode
from esoz_notify.channels.smpp_receipt import read_deliver
from esoz_notify.core import numbers
from esoz_notify.core.channel import GUARANTEED, Channel
from esoz_notify.core.crisis_proposal import read_proposal
from esoz_notify.core.errors import ConfigError, InvalidInput, NotifyError
from esoz_notify.core.kinds import KINDS
from esoz_notify.core.patient import read_patient, write_patient
from esoz_notify.core.phone import Phone
from esoz_notify.core.policy import load_policies
from esoz_notify.core.receipts import POSITIVE, Reason
from esoz_notify.core.results import Accepted, Refused, Result
from esoz_notify.core.sms_text import count, split
from esoz_notify.engine import esoz
from esoz_notify.engine.api_keys import service_of
from esoz_notify.engine.requests import read_order
from esoz_notify.engine.verification_request import read_code, read_verification
from esoz_notify.render import texts
from esoz_notify.render.summary import read_summary
from esoz_notify.render.templates import Template
from esoz_notify.settings import PREFIX, Settings, read_settings

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SECRET = "s3cret"
_END = b"\xff"
_PERSONAL = re.compile(r"[0-9]{9}", re.ASCII)
"""So many digits in a row may be a phone or a tax number; nothing that is kept or told of a bad input holds them."""

_ALPHABET = "0123456789"
"""How rules name the digits, which is nobody's number."""

SMPP = SmppAccount(
    name="operator", host="localhost", port=2775, system_id="esoz", password="secret", source_addr="MOZ",
    err_reasons={"001": Reason.NUMBER_INACTIVE}, receipt_zone=UTC, window_size=3,
)  # fmt: skip
INFOBIP = infobip.adapter(
    infobip.InfobipAccount(api_key="KEY", sender="E-health", templates={MESSAGE.template: "1"}, callback_url="http://x")
)
_TEMPLATE = diia.DiiaTemplate(title="Рецепт", short_text="Виписано", full_text="Номер {request_number}")
DIIA = diia.adapter(diia.DiiaAccount(partner_token="KEY", templates={MESSAGE.template: _TEMPLATE}))
PROVIDERS = {Channel.SMS: ("operator",), Channel.VIBER: ("infobip",), Channel.DIIA: ("diia",)}
HTTP_STATUSES = (200, 201, 400, 401, 403, 404, 413, 422, 429, 500, 502, 503)


def smpp_pdu(data: bytes) -> None:
    """Whatever is decoded and can be said again is decoded as the same, and said as it was heard."""
    frame = (len(data) + 4).to_bytes(4) + data
    pdu = decode(frame)
    try:
        said = encode(pdu)
    except ValueError:
        return  # a peer's field may be longer or stranger than we would ever write
    assert decode(said) == pdu, "decode(encode(x)) is x"
    assert len(said) != len(frame) or said == frame, "no octet is lost"


def smpp_frames(data: bytes) -> None:
    """A stream gives the same frames however it is cut, and never more octets than came."""
    size = data[0] % 32 + 1 if data else 1
    whole, is_lost = _frames([data])
    assert (whole, is_lost) == _frames([data[at : at + size] for at in range(0, len(data), size)])
    rest = data[sum(map(len, whole)) :]
    assert b"".join(whole) + rest == data
    assert is_lost or len(rest) < 4 or int.from_bytes(rest[:4]) <= 64 * 1024, (
        "nothing is waited for that is longer than any PDU"
    )


def _frames(pieces: list[bytes]) -> tuple[list[bytes], bool]:
    reader, found = FrameReader(), list[bytes]()
    try:
        for piece in pieces:
            found.extend(reader.feed(piece))
    except BadPdu:
        return found, True
    return found, False


def smpp_session(data: bytes) -> None:
    """Never raises; see ``play_session`` for what else holds."""
    play_session(SMPP, data)


def smpp_receipt(data: bytes) -> None:
    """A receipt is positive for one word only, and what is kept of it beside the id holds no phone."""
    text, state, message_id, error = (*data.split(_END, 3), b"", b"", b"")[:4]
    tlvs = ((Tag.MESSAGE_STATE, state), (Tag.RECEIPTED_MESSAGE_ID, message_id), (Tag.NETWORK_ERROR_CODE, error))
    body = ShortMessage(
        source_addr="1", destination_addr="MOZ", esm_class=4, short_message=text,
        tlvs=tuple(Tlv(tag, value) for tag, value in tlvs if value),
    )  # fmt: skip
    said = read_deliver(SMPP, body)
    if isinstance(said, Receipt):
        proof = state[:1] == b"\x02" if state else b"stat" in text.lower() and b"delivrd" in text.lower()
        assert said.state not in POSITIVE or proof, "no unknown word is a success"
        _impersonal(said.detail, said.raw_status)


def infobip_submit(data: bytes) -> None:
    """One result per message; accepted is only what the answer names with a group that we know."""
    batch = messages(2)
    replies = _replies(data)
    heard: list[object] = []
    results = Conversation(_answers(replies, heard)).run(INFOBIP.submit(batch, {}))
    assert len(results) == len(batch)
    for message, result in zip(batch, results, strict=True):
        named = [one for body in heard for one in elements(member(body, "messages"))
                 if member(one, "messageId") == message.key and member(one, "status", "groupId") in GROUPS]  # fmt: skip
        assert not isinstance(result, Accepted) or named, "no unknown word is a success"
        _check_result(result)


def infobip_callback(data: bytes) -> None:
    """One receipt or problem per row; a proof of delivery is a group that says so, or a time of reading."""
    assert INFOBIP.read_callback is not None
    said = INFOBIP.read_callback({}, data)
    rows = elements(member(parse(data), "results"))
    assert len(said) == len(rows) or len(said) == 1
    for row, receipt in zip(rows, said, strict=False):
        proof = member(row, "seenAt") is not None or member(row, "status", "groupId") == 3
        assert not isinstance(receipt, Receipt) or receipt.state not in POSITIVE or proof
    _check_receipts(said)


def infobip_poll(data: bytes) -> None:
    """Ends, and tells no more than the answers hold."""
    assert INFOBIP.poll is not None
    _check_receipts(Conversation(_answers(_replies(data), [])).run(INFOBIP.poll(["1", "2"], {})))


def diia_submit(data: bytes) -> None:
    """One result per message; accepted is only what an answer gave a distribution's id to."""
    heard: list[object] = []
    results = Conversation(_answers(_replies(data), heard)).run(DIIA.submit(messages(2), {}))
    assert len(results) == 2
    for result in results:
        named = any(isinstance(member(body, "distributionId"), str) for body in heard)
        assert not isinstance(result, Accepted) or named, "no unknown word is a success"
        _check_result(result)


def diia_poll(data: bytes) -> None:
    """Seen is only what some recipient or device has read."""
    assert DIIA.poll is not None
    heard: list[object] = []
    said = Conversation(_answers(_replies(data), heard)).run(DIIA.poll([f"d1:{MESSAGE.key}", "d2:x"], {}))
    proof = any('"read"' in json.dumps(body) for body in heard)
    assert proof or not any(isinstance(one, Receipt) and one.state in POSITIVE for one in said)
    _check_receipts(said)


def _replies(data: bytes) -> Iterator[HttpReply | NoReply]:
    """A reply per part: its first octet picks the status, or that none came."""
    for part in data.split(_END):
        picked = part[0] if part else 0
        if picked % 16 >= len(HTTP_STATUSES):
            yield NoReply(sent=picked % 2 == 0)
        else:
            headers = {"retry-after": part[1:8].decode("latin-1")}
            yield HttpReply(status=HTTP_STATUSES[picked % 16], headers=headers, body=part[1:])


def _answers(replies: Iterator[HttpReply | NoReply], heard: list[object]) -> Callable[[HttpCall], HttpReply | NoReply]:
    """Answer with one after the other, then with silence; ``heard`` gets the JSON of each."""

    def answer(_: HttpCall) -> HttpReply | NoReply:
        reply = next(replies, NoReply(sent=True))
        if isinstance(reply, HttpReply):
            heard.append(parse(reply.body))
        return reply

    return answer


def _check_result(result: Result) -> None:
    _impersonal(getattr(result, "detail", ""))
    assert not isinstance(result, Refused) or result.reason in Reason


def _check_receipts(said: tuple[Receipt | ReceiptProblem, ...]) -> None:
    for one in said:
        if isinstance(one, Receipt):
            _impersonal(one.detail, one.raw_status, one.price or "")
            assert one.at is None or one.at.tzinfo is not None
        else:
            _impersonal(one.what)


def _impersonal(*told: str) -> None:
    told_by_us = "\n".join(told).replace(_ALPHABET, "")
    assert _PERSONAL.search(told_by_us) is None, "no phone or tax number is told"


def phone(data: bytes) -> None:
    """Parsing is idempotent, and nothing that is shown has the middle digits."""
    text = data.decode("utf-8", "replace")
    assert (path_phone(text) is None) == (re.fullmatch(r"\+380[0-9]{9}", text, re.ASCII) is None)
    read = Phone(text)
    assert Phone(read.e164) == read
    assert read.masked == f"{text[:6]}*****{text[11:]}"
    assert str(read) == repr(read) == f"Phone({read.masked})"


def number(data: bytes) -> None:
    """In every format: a canonical spelling is its own, also with spaces for hyphens; no refusal repeats the text."""
    text = data.decode("utf-8", "replace")
    for number_format in numbers.NumberFormat:
        try:
            canonical = numbers.parse(number_format, text)
        except numbers.NumberProblem as refused:
            _impersonal(refused.detail)
        else:
            assert numbers.parse(number_format, canonical) == canonical
            assert canonical.isascii()
            if number_format in numbers.GROUPED:
                assert numbers.parse(number_format, canonical.replace("-", " ")) == canonical


def sms_text(data: bytes) -> None:
    """As many parts as counted, each within its 140 octets, and together they hold the text."""
    text = data.decode("utf-8", "surrogatepass") if _is_text(data) else data.decode("latin-1")
    counted = count(text)
    parts = split(text, 7)
    assert len(parts) == counted.segment_count
    bodies = [part.short_message[6:] if len(parts) > 1 else part.short_message for part in parts]
    assert all(len(body) <= 160 for body in bodies)
    if parts[0].data_coding == 8:
        assert b"".join(bodies).decode("utf-16-be") == text
        assert all(body.decode("utf-16-be") for body in bodies if body), "no pair is cut"


def _is_text(data: bytes) -> bool:
    with suppress(UnicodeDecodeError):
        data.decode("utf-8", "surrogatepass")
        return True
    return False


def json_body(data: bytes) -> None:
    """What is read is what the standard library reads, with no member twice and not too deep."""
    read = reading.json_object(data)
    assert read == json.loads(data, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    assert len(made) == len(pairs), "a member that is named twice is refused"
    return made


def ndjson(data: bytes) -> None:
    """Every line is read or refused by itself, in order, and no line is lost."""
    lines = reading.json_lines(data)
    assert b"\n".join(lines).rstrip() == data.rstrip()
    for line in lines:
        with suppress(NotifyError):
            reading.json_line(line)


def form(data: bytes) -> None:
    """Values by name, or a refusal."""
    assert all(isinstance(value, str) for value in reading.form(data).values())


def headers(data: bytes) -> None:
    """Every header value that a stranger writes is read or refused; what is kept of it is harmless."""
    text = data.decode("latin-1")
    with suppress(NotifyError):
        assert 0 < len(reading.idempotency_key([text])) <= 200
    with suppress(NotifyError):
        reading.check_type(text, reading.JSON_TYPE)
    with suppress(NotifyError):
        assert reading.preferred(text, ["application/pdf", "text/html"]) in {"application/pdf", "text/html"}
    kept = reading.traceparent(text)
    assert kept is None or len(kept) == 55


_BODIES: tuple[Callable[[Mapping[str, object]], object], ...] = (
    lambda asked: read_order(asked, NOW),
    lambda asked: read_verification(asked, NOW),
    read_code,
    lambda asked: read_reason(dict(asked)),
    lambda asked: read_proposal(asked, NOW),
    esoz._read_phone,
    esoz._read_text,
    esoz._read_factor,
    *(lambda asked, kind=kind: read_summary(kind, asked) for kind in KINDS),
)


def bodies(data: bytes) -> None:
    """The body of every call: the first octet picks which one reads it."""
    asked = reading.json_object(data[1:])
    _BODIES[(data[0] if data else 0) % len(_BODIES)](asked)


def fhir_request(data: bytes) -> None:
    """A resource is a request of v1 or refused, and every fault has a place in the resource that says nothing else."""
    resource = reading.json_object(data)
    try:
        asked = fhir_reading.read_request(resource, NOW)
        try:
            read_order(asked.request, NOW)
        except InvalidInput as error:
            raise asked.refused(error) from None
    except InvalidInput as error:
        for one in error.problems:
            place = expression("CommunicationRequest", one.pointer)
            assert re.fullmatch(r"CommunicationRequest(\.[A-Za-z_]\w*(\[[0-9]+\])*|\[[0-9]+\])*", place, re.ASCII)
            _impersonal(place, one.code, one.detail)
        raise


def dialects(data: bytes) -> None:
    """The bodies of other services' dialects, by the first octet: no refusal and no sentence of it has a phone."""
    asked = reading.json_object(data[1:])
    match (data[0] if data else 0) % 3:
        case 0:
            said = read_sending(asked)
            _impersonal(said.detail if isinstance(said, Refusal) else "")
            assert isinstance(said, Refusal) or 0 < len(said.phones) <= RECIPIENTS_MAX
        case 1:
            ids = read_ids(asked)
            _impersonal(ids.detail if isinstance(ids, Refusal) else "")
        case _:
            try:
                read_order(read_sms(asked), NOW)
            except InvalidInput as error:
                _impersonal(*(sentence(one) for one in error.problems))


def api_key(data: bytes) -> None:
    """What is shown names nobody or a caller's UUID, whatever it is."""
    service = service_of(data.decode("latin-1"))
    assert service is None or str(UUID(service)) == service


def patient(data: bytes) -> None:
    """A patient that was read and written is read as the same."""
    read = read_patient(seeds.PATIENT_ID, reading.json_object(data)).patient
    assert read_patient(read.id, write_patient(read)).patient == read


def text_section(data: bytes) -> None:
    """A section without problems can be filled, and holds no brace afterwards."""
    try:
        section = tomllib.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return
    kind = KINDS["prescription_issued"]
    made: dict[str, Template] = {}
    if not list(texts._read_section("prescription_issued.uk", kind.fields, section, made)):
        sample = {item.name: "2026-11-26" for item in kind.fields}
        filled = texts.Texts(made).message(kind.name, Channel.SMS, "uk", sample)
        assert "{" not in filled.text


def texts_file(data: bytes) -> None:
    """A file of texts is proved or refused."""
    texts.load_texts(data.decode("utf-8", "replace"), source="texts.toml")


def policy(data: bytes) -> None:
    """Policies that were taken end every route in a guaranteed channel, on every day."""
    policies = load_policies(data.decode("utf-8", "replace"), source="policies.toml", providers=PROVIDERS)
    for one in policies.all:
        for route in one.routes.values():
            assert route[-1].channel in GUARANTEED
    assert [one.from_date for one in policies.all] == sorted({one.from_date for one in policies.all})


def settings(data: bytes) -> None:
    """Settings are read or refused, and no refusal repeats a secret."""
    secret = {PREFIX + one.name.upper() for one in fields(Settings) if one.metadata["secret"]}
    lines = [line.partition("=") for line in data.decode("utf-8", "replace").splitlines()]
    # Files are left out: which of them this machine has is no matter of the text.
    given = {PREFIX + name: value for name, _, value in lines if not name.endswith(("_TEMPLATES", "_FILE"))}
    try:
        told = repr(read_settings(given))
    except ConfigError as error:
        told = str(error)
    elsewhere = any(SECRET in name or (SECRET in value and name not in secret) for name, value in given.items())
    assert elsewhere or SECRET not in told, "a secret is told"


def moments(data: bytes) -> None:
    """A validity is in the future and within its limit, whatever the caller's zone and calendar are."""
    asked = {"kind": "confirmation_code", "recipient": {"phone": "+380000000001"}, "data": {"code": "4821"}}
    order = read_order({**asked, "valid_until": data.decode("utf-8", "replace")}, NOW)
    assert order.valid_until is not None
    assert NOW < order.valid_until <= NOW + timedelta(days=366)
    assert date.min < order.valid_until.date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One function and what is known of it.

    ``refuses``: the errors that it may end in. ``seeds``: inputs to begin with. ``grows``: a head, a unit and a tail;
    the work for units must grow no faster than their number. ``tells``: whether its errors may repeat the input, as
    those of files do that operators write.
    """

    run: Callable[[bytes], None]
    refuses: tuple[type[Exception], ...] = ()
    seeds: tuple[bytes, ...]
    grows: tuple[bytes, bytes, bytes] | None = None
    tells: bool = False

    @property
    def name(self) -> str:
        """The function's name, which is also its folder's."""
        return self.run.__name__

    def play(self, data: bytes) -> None:
        """Try one input. Raises what the function promised never to raise."""
        try:
            self.run(data)
        except self.refuses as error:
            if isinstance(error, NotifyError) and not self.tells:
                _impersonal(json.dumps(problem(error, None, NOW)[0]))


TABLE = (
    Target(run=smpp_pdu, refuses=(BadPdu,), seeds=seeds.PDUS, grows=seeds.GROWING_TLVS),
    Target(run=smpp_frames, seeds=seeds.FRAMES, grows=(b"", seeds.SMALL_FRAME, b"")),
    Target(run=smpp_session, seeds=seeds.SESSIONS, grows=(seeds.SESSIONS[0], b"\x02\0\0\x03\x0b\0", b"")),
    Target(run=smpp_receipt, seeds=seeds.RECEIPTS, grows=(b"id:1 ", b"stat:DELIVRD err:1 id ", b"")),
    Target(run=infobip_submit, seeds=seeds.INFOBIP_ANSWERS, grows=seeds.GROWING_ANSWER),
    Target(run=infobip_callback, seeds=seeds.INFOBIP_REPORTS, grows=seeds.GROWING_REPORT),
    Target(run=infobip_poll, seeds=tuple(b"\0" + one for one in seeds.INFOBIP_REPORTS)),
    Target(run=diia_submit, seeds=seeds.DIIA_ANSWERS),
    Target(run=diia_poll, seeds=seeds.DIIA_RECIPIENTS, grows=seeds.GROWING_RECIPIENTS),
    Target(run=phone, refuses=(ValueError,), seeds=seeds.PHONES),
    Target(run=number, seeds=seeds.NUMBERS, grows=(b"", "АВ-".encode(), b"")),
    Target(run=sms_text, refuses=(ValueError,), seeds=seeds.TEXTS, grows=(b"", "ї{".encode(), b"")),
    Target(run=json_body, refuses=(NotifyError,), seeds=seeds.JSONS, grows=(b'{"a":[', b'{"b":":"},', b"1]}")),
    Target(run=ndjson, seeds=seeds.LINES, grows=(b"", b'{"a":1}\n', b"")),
    Target(run=form, refuses=(NotifyError,), seeds=seeds.FORMS),
    Target(run=headers, seeds=seeds.HEADERS, grows=(b"a/b", b";q=1,a/b", b"")),
    Target(run=bodies, refuses=(InvalidInput, NotifyError), seeds=seeds.BODIES, grows=(b'\0{"a":[', b"1,", b"1]}")),
    Target(run=fhir_request, refuses=(NotifyError,), seeds=seeds.FHIR_REQUESTS, grows=seeds.GROWING_PAYLOAD),
    Target(run=dialects, refuses=(NotifyError,), seeds=seeds.DIALECTS, grows=(b'\0{"recipients":[', b'"1",', b"1]}")),
    Target(run=api_key, seeds=seeds.API_KEYS, grows=(b"a.", b"e30", b".a")),
    Target(run=patient, refuses=(NotifyError,), seeds=seeds.PATIENTS, grows=seeds.GROWING_METHODS),
    Target(run=moments, refuses=(InvalidInput,), seeds=seeds.MOMENTS),
    Target(run=text_section, seeds=seeds.SECTIONS),
    Target(run=texts_file, refuses=(ConfigError,), seeds=seeds.TEXT_FILES, tells=True),
    Target(run=policy, refuses=(ConfigError,), seeds=seeds.POLICIES, tells=True),
    Target(run=settings, seeds=seeds.SETTINGS, tells=True),
)

TARGETS: dict[str, Target] = {target.name: target for target in TABLE}

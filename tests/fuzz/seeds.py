"""Inputs to begin with, all made up: one or a few of each form that a target reads."""

import json

from tests.channels.adapter_contract import messages

from esoz_notify.channels.smpp_pdu import (
    Bind,
    BindResp,
    Body,
    Command,
    Pdu,
    ShortMessage,
    ShortMessageResp,
    Tag,
    Tlv,
    encode,
)

PATIENT_ID = "0198c0de-0000-7000-8000-000000000001"
OTHER_ID = "0198c0de-0000-7000-8000-000000000002"
_TEXT = b"id:0123 sub:001 dlvrd:001 submit date:2611231015 done date:2611231016 stat:DELIVRD err:000 text:"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _pdu(command: Command, body: Body = b"", status: int = 0, number: int = 1) -> bytes:
    return encode(Pdu(command_id=command, sequence_number=number, command_status=status, body=body))


# --- SMPP ---------------------------------------------------------------------------------------------------------

_DELIVER = ShortMessage(
    source_addr="380000000001", destination_addr="MOZ", esm_class=4, short_message=_TEXT,
    tlvs=(Tlv(Tag.RECEIPTED_MESSAGE_ID, b"0123\0"), Tlv(Tag.MESSAGE_STATE, b"\x02")),
)  # fmt: skip
_SUBMIT = ShortMessage(
    source_addr="MOZ", destination_addr="380000000001", short_message=b"hello", registered_delivery=1
)
_FRAMES = (
    _pdu(Command.DELIVER_SM, _DELIVER),
    _pdu(Command.SUBMIT_SM, _SUBMIT),
    _pdu(Command.BIND_TRANSCEIVER, Bind(system_id="esoz", password="secret")),
    _pdu(Command.BIND_TRANSCEIVER_RESP, BindResp(system_id="smsc", tlvs=(Tlv(Tag.SC_INTERFACE_VERSION, b"\x34"),))),
    _pdu(Command.SUBMIT_SM_RESP, ShortMessageResp(message_id="0123")),
    _pdu(Command.ENQUIRE_LINK),
    _pdu(Command.GENERIC_NACK, status=3),
)
PDUS = tuple(frame[4:] for frame in _FRAMES)
"""Without their lengths, which the target puts before them."""

SMALL_FRAME = _FRAMES[5]
FRAMES = (b"".join(_FRAMES), b"\x7f\0\0\x10" + _FRAMES[0][4:], _FRAMES[0][:40], SMALL_FRAME * 3 + b"\0\0\0\x03")
GROWING_TLVS = (_pdu(Command.DELIVER_SM, _SUBMIT)[4:], b"\x14\x00\x00\x01x", b"")

_BIND_OK = b"\x01\0\0" + b"\x06\x0d\x01\x01"
"""We bind; the answer to the bind, which is the first thing we said."""
_SUBMIT_ACT, _TICK, _LOSE = b"\x02\0\0", b"\x03\x0b\0", b"\x05\0\0"
_ACCEPTED = b"\x06\x0a\x04\x02id\0"
SESSIONS = (
    _BIND_OK,
    _BIND_OK + _SUBMIT_ACT + _ACCEPTED + _LOSE,
    _BIND_OK + _SUBMIT_ACT * 3 + _TICK + _ACCEPTED + _TICK * 3,
    _BIND_OK + b"\0\0" + bytes((len(_FRAMES[5]),)) + _FRAMES[5] + b"\x04\0\0" + b"\x06\x0c\x01\x02",
    b"\0\0\x04\0\0\0\x01",
    _BIND_OK + b"\x06\x03" + bytes((len(PDUS[0]) - 11,)) + b"\x07" + PDUS[0][12:],
)
RECEIPTS = (
    _TEXT,
    b"id:77 submit_date:261123101500 dlvrd: stat:UNDELIV err:00A done_date:",
    b"id:9 stat:WEIRD err:1",
    b"\xff\x05\xff0123\0\xff\x03\x00\x22",
    b"not a receipt at all",
)

# --- providers ----------------------------------------------------------------------------------------------------

KEYS = [message.key for message in messages(2)]
_PENDING = {"groupId": 1, "id": 26, "name": "PENDING_ACCEPTED"}
_REFUSED = {"groupId": 5, "id": 6, "name": "REJECTED_NETWORK"}
_ERROR = {"id": 7002, "name": "EC_UNKNOWN_USER", "permanent": True}
INFOBIP_ANSWERS = (
    b"\0" + _json({"messages": [{"messageId": key, "status": _PENDING} for key in KEYS]}),
    b"\0" + _json({"messages": [{"messageId": KEYS[0], "status": _REFUSED, "error": _ERROR}]}),
    b"\x02"
    + _json({"requestError": {}})
    + b"\xff\0"
    + _json({"messages": [{"messageId": KEYS[0], "status": _PENDING}]}),
    b"\x08" + b"120" + b"\xff\x0c",
)
_SEEN = {"messageId": KEYS[0], "seenAt": "2026-11-26T10:00:00.000+0000"}
_DONE = {
    "messageId": KEYS[1], "status": {"groupId": 3, "id": 5}, "error": {"id": 0}, "doneAt": "2026-11-26T10:00:00Z",
    "price": {"pricePerMessage": 0.15, "currency": "EUR"}, "messageCount": 1,
}  # fmt: skip
INFOBIP_REPORTS = (
    _json({"results": [_SEEN, _DONE]}),
    _json({"results": [{"messageId": KEYS[0], "status": _REFUSED, "error": _ERROR}]}),
    _json({"results": [{"messageId": "x", "status": {"groupId": 99}}]}),
    b"[]",
)
GROWING_ANSWER = (b'\0{"messages":[', b'{"messageId":"x","status":{"groupId":1}},', b"0]}")
GROWING_REPORT = (b'{"results":[', b'{"messageId":"x","status":{"groupId":3,"id":5}},', b"0]}")

_SIGN_IN, _PUBLISHED = b"\0" + _json({"token": "e30.eyJpYXQiOjEsImV4cCI6OTl9.x"}), b"\x01" + _json({"templateId": "t1"})
DIIA_ANSWERS = (
    b"\xff".join((_SIGN_IN, _PUBLISHED, b"\0" + _json({"distributionId": "d1"}))),
    b"\xff".join((_SIGN_IN, _PUBLISHED, b"\x02{}", b"\0" + _json({"distributionId": "d1"}), b"\x06{}")),
    b"\xff".join((_SIGN_IN, b"\x03", _SIGN_IN, _PUBLISHED, b"\x07" + _json({"name": "DatabaseError"}))),
    b"\x0c",
)
_RECIPIENTS = {"recipients": [{"id": KEYS[0], "status": "sent", "devices": [{"status": "read"}, {"status": "weird"}]}]}
DIIA_RECIPIENTS = (
    b"\xff".join((_SIGN_IN, b"\0" + _json(_RECIPIENTS), b"\0" + _json({"recipients": []}))),
    b"\xff".join((_SIGN_IN, b"\x05", b"\0" + _json(_RECIPIENTS))),
    b"\xff".join((_SIGN_IN, b"\0{}", b"\0{}")),
)
GROWING_RECIPIENTS = (_SIGN_IN + b'\xff\0{"recipients":[', b'{"id":"x","status":"sent"},', b"0]}")

# --- texts and numbers --------------------------------------------------------------------------------------------

PHONES = (b"+380000000001", b"380000000001", "+38000000000１".encode(), b"+380000000001\n")
NUMBERS = (
    b"0000-243P-1X53-EH38",
    "0000 243р 1х53 ен38".encode(),
    b"4821",
    b"2026-11-26",
    b"2026-02-31",
    b"AAAA-BBBB-CCCC",
)
TEXTS = (b"hello {x}", "Ваш рецепт № 0000".encode(), "😀".encode() * 40, b"[" * 90, b"\xed\xa0\x80")
MOMENTS = (b"2026-11-27T10:00:00Z", b"2026-11-27T10:00:00+14:00", b"0001-01-01T00:00:00+23:59", b"2026-W48-5")

# --- bodies of our own API ------------------------------------------------------------------------------------------

_INLINE = {
    "kind": "confirmation_code", "recipient": {"phone": "+380000000001", "language": "uk", "tax_id": "0000000001"},
    "data": {"verification_code": "4821"}, "valid_until": "2026-11-27T10:00:00Z",
    "inform_with": {"auth_method_id": "a"},
}  # fmt: skip
_RX = {
    "kind": "prescription_issued", "patient_id": PATIENT_ID, "reference": "r", "region": "x",
    "notifications_off": False,
    "data": {"request_number": "0000-243P-1X53-EH38", "verification_code": "4821"},
    "summary": {"patient_name": "Пацієнт Перший", "medication": "Амоксицилін", "dosage": "тричі на день"},
}  # fmt: skip
_CODE = {"purpose": "declaration", "entity_id": "e", "recipient": {"phone": "+380000000001"}, "confirms": "patient"}
_CRISIS = {"scope": "operator", "values": ["+38067"], "ends_at": "2026-11-27", "reason": "down"}
JSONS = (
    _json(_RX),
    b'{"a":1,"a":2,":":":"}',
    b'{"a":' + b"[" * 16 + b"]" * 16 + b"}",
    b'{"a":"\\ud800"}',
    b'{"a":1e400}',
)
LINES = (_json(_INLINE) + b"\n" + _json(_RX) + b"\n", b"{}\n\n{}", b"\n", b'{"a":1}\r\n[1]')
FORMS = (b"grant_type=client_credentials&scope=notifications%3Aread", b"a=%ff&b=+", b"a=1&a=2", b"&" * 30)
HEADERS = (
    b'"a key \\" of ours"', b"rx-0000", b"application/json; charset=utf-8", b"text/html;q=0.5, */*;q=0.1, a/*",
    b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
)  # fmt: skip
BODIES = (
    b"\0" + _json(_INLINE), b"\0" + _json(_RX), b"\x01" + _json(_CODE), b'\x02{"code":" 4821 "}',
    b'\x03{"reason":"why"}',
    b"\x04" + _json(_CRISIS), b'\x05{"phone_number":"+380000000001","provider":"x"}',
    b'\x06{"phone_number":"+380000000001","body":"a\\nb","type":"t"}',
    b'\x07{"type":"SMS","factor":"+380000000001","content_hash":"x","code":12}',
    *(bytes((8 + place,)) + _json(_RX["summary"]) for place in range(8)),
)  # fmt: skip
_FHIR = {
    "resourceType": "CommunicationRequest", "status": "active",
    "category": [{"coding": [{"system": "urn:esoz-notify:kind", "code": "confirmation_code"}]}],
}  # fmt: skip
_DATUM = {"contentReference": {"identifier": {"system": "urn:esoz-notify:data:verification_code", "value": "4821"}}}
FHIR_REQUESTS = (
    _json({
        **_FHIR, "identifier": [{"system": "urn:x", "value": "7"}], "subject": {"reference": f"Patient/{PATIENT_ID}"},
        "medium": [{"coding": [{"system": "urn:esoz-notify:channel", "code": "print"}]}], "payload": [_DATUM],
        "occurrencePeriod": {"start": "2026-11-26T10:00:00Z", "end": "2026-11-27T10:00:00Z"},
    }),
    _json({
        **_FHIR, "recipient": [{"reference": "#p"}], "payload": [_DATUM, {"contentString": "a"}],
        "contained": [{
            "resourceType": "Patient", "id": "p", "telecom": [{"system": "phone", "value": "+380000000001"}],
            "communication": [{"language": {"coding": [{"code": "en"}]}}],
        }],
        "extension": [
            {"url": "urn:esoz-notify:extension:region", "valueString": "a"},
            {"url": "urn:esoz-notify:extension:summary", "extension": [{"url": "medication", "valueString": "a"}]},
        ],
    }),
)  # fmt: skip
GROWING_PAYLOAD = (
    b'{"resourceType":"CommunicationRequest","payload":[',
    b'{"contentReference":{"identifier":{}}},',
    b"0]}",
)
DIALECTS = (
    b"\0" + _json({"recipients": ["380000000001", "+380000000002"], "sms": {"sender": "a", "text": "b"}}),
    b"\0" + _json({"recipients": ["067 000 00 01"], "viber": {"text": "b", "ttl": 60}, "sequence_id": 7, "text": "c"}),
    b"\x01" + _json({"messages": [PATIENT_ID, "x", 1]}),
    b"\x02" + _json({
        "phone_number": "+380000000001", "template_id": "confirmation_code",
        "personalisation": {"verification_code": "4821"}, "reference": "visit-1",
    }),
)  # fmt: skip
API_KEYS = (
    f"esoz_ak-{PATIENT_ID}-{OTHER_ID}".encode(),
    b"eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiIwMTk4YzBkZS0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDEiLCJpYXQiOjF9.AAAA",
)
_METHOD = {"type": "OTP", "phone_number": "+380000000001", "ended_at": "2027-01-01", "alias": "mama"}
PATIENTS = (
    _json({"birth_date": "1990-05-17", "confidants": [], "authentication_methods": [_METHOD, {"type": "OFFLINE"}]}),
    _json({
        "id": PATIENT_ID.upper(), "birth_date": "1950-05-17T00:00:00Z", "legal_capacity": "Partial",
        "rnokpp": "0000000001",
        "authentication_methods": [
            {"type": "THIRD_PERSON", "value": OTHER_ID, "started_at": "2025-01-01T00:00:00+02:00"}
        ],
        "confidant_person_relationships": [
            {"confidant_person": {"id": OTHER_ID}, "verification_status": "VERIFIED", "active_to": "2027-01-01"}
        ],
    }),
)  # fmt: skip
GROWING_METHODS = (b'{"birth_date":"1990-05-17","authentication_methods":[', b'{"type":"OTP"},', b"0]}")

# --- files of operators ---------------------------------------------------------------------------------------------

SECTIONS = (
    (
        'sms = "Рецепт {request_number} код {verification_code}"\nviber = "Код {request_number} {verification_code}."\n'
        'diia_title = "Рецепт"\ndiia_short = "Виписано"\nsms_segments = 2\n'
    ).encode(),
    b'sms = "{"\nviber = "}}"\ndiia_title = ""\ndiia_short = 1',
)
TEXT_FILES = (b'[prescription_issued.uk]\nsms = "x"\n[other]\n[prescription_issued.de]', b"[a.b]\nc = 1", b"x = [[")
POLICIES = (
    (
        b'[[policy]]\nversion = "1"\nfrom = 2025-01-01\n'
        b'codes = [{ channel = "viber", window_s = 20 }, { channel = "sms" }]\n'
        b'documents = [{ channel = "diia", window_s = 60 }, { channel = "print" }]\nrest = [{ channel = "sms" }]\n'
    ),
    b"[[policy]]\nfrom = 2025-01-01T00:00:00Z\ncodes = [1]\n[policy.rest]\n",
    b"policy = 1\nother = 2",
    (
        b'[[policy]]\nversion = "1"\nfrom = 2025-01-01\ncodes = [{ channel = "viber" }]\n'
        b'documents = [{ channel = "viber" }]\nrest = [{ channel = "viber" }]\n'
    ),
)
SETTINGS = (
    b"PORT=8080\nSMSCS=smpps://esoz:s3cret@smsc.example:2775?name=first&window=10&rate=20.5\nLOG_LEVEL=info",
    b"VIBER_URL=https://viber.example\nVIBER_API_KEY=s3cret\nVIBER_CALLBACK_CREDENTIALS=a:s3cret b:s3cret",
    b"DSN=postgresql://esoz:s3cret@ledger.example/x\nDATA=~/x\nREQUESTS_PER_MIN=0\nNOPE=1",
    b"SMSCS=smpp://esoz:s3cret@smsc.example:port smpp://esoz@[::1]:1?nope=1",
)

"""Printing: which sheet, which documents on it, whose, and when the code is there; over a real port and ledger."""

import asyncio
import io
from datetime import timedelta
from uuid import uuid4

import pypdf
import pytest
from tests.api.desk import ADULT, BY_DOCUMENTS, CODE, PATIENT_ID, PHONE, Desk

from esoz_notify.core.cascade import Due
from esoz_notify.core.limits import SHEET_DOCUMENTS_MAX

PRESCRIPTION = {
    "kind": "prescription_issued",
    "patient_id": PATIENT_ID,
    "data": {"request_number": "0000-243P-1X53-EH38", "verification_code": CODE},
}
REFERRAL = {
    "kind": "referral_issued",
    "patient_id": PATIENT_ID,
    "data": {"request_number": "0123-4567-89AB-CEIK"},
    "summary": {"service": "Електрокардіографія", "patient_name": "Зразкова О. П."},
}


async def test_the_summary_is_drawn_as_asked(desk: Desk) -> None:
    """PDF by default and by q-values, HTML for a browser; fetching makes print_required printed, again and again."""
    await desk.patient(BY_DOCUMENTS)
    sent = await desk.send(PRESCRIPTION)
    path = sent["links"]["summary"]
    plain = await desk.call("GET", path)
    browser = await desk.call("GET", path, accept="text/html,application/xhtml+xml,*/*;q=0.8")
    chosen = await desk.call("GET", path, accept="text/html;q=0.1, application/pdf;q=0.2")

    assert sent["status"] == "print_required"
    assert plain.headers["Content-Type"] == chosen.headers["Content-Type"] == "application/pdf"
    assert "0000-243P-1X53-EH38" in pypdf.PdfReader(io.BytesIO(plain.body)).pages[0].extract_text()
    assert plain.headers["Content-Disposition"] == f'inline; filename="esoz-summary-{sent["id"]}.pdf"'
    assert plain.headers["Cache-Control"] == "no-store"
    assert browser.headers["Content-Type"].startswith("text/html")
    assert "frame-ancestors 'none'" in browser.headers["Content-Security-Policy"]
    assert (await desk.call("GET", sent["links"]["self"])).json["status"] == "printed"


async def test_a_type_that_cannot_be_drawn_does_not_count_as_printed(desk: Desk) -> None:
    """406 comes before the status changes."""
    await desk.patient(BY_DOCUMENTS)
    sent = await desk.send(PRESCRIPTION)
    reply = await desk.call("GET", sent["links"]["summary"], accept="application/json")

    assert (reply.status, reply.code) == (406, "not_acceptable")
    assert (await desk.call("GET", sent["links"]["self"])).json["status"] == "print_required"


async def _words(desk: Desk, path: str) -> str:
    return (await desk.call("GET", path, accept="text/plain")).body.decode()


@pytest.mark.parametrize("variant", ["standard", "large", "plain"])
@pytest.mark.parametrize(("paper", "width_pt"), [("a4", 595), ("a5", 419)])
async def test_paper_and_variant_are_chosen(desk: Desk, paper: str, width_pt: int, variant: str) -> None:
    """Each size and wording, as PDF, HTML and text."""
    await desk.patient(BY_DOCUMENTS)
    sent = await desk.send(PRESCRIPTION)
    path = f"{sent['links']['summary']}?paper={paper}&variant={variant}"
    drawn = pypdf.PdfReader(io.BytesIO((await desk.call("GET", path)).body))
    html = (await desk.call("GET", path, accept="text/html")).body.decode()
    title = "Електронний рецепт" if variant == "standard" else "Ваш рецепт на ліки"

    assert int(drawn.pages[0].mediabox.width) == width_pt
    assert title in drawn.pages[0].extract_text()
    assert f"<h1>{title}</h1>" in html
    assert title.upper() in await _words(desk, path)


async def test_wrong_wishes_are_all_told_and_nothing_counts_as_printed(desk: Desk) -> None:
    """400 with every problem of the query, before the status changes."""
    await desk.patient(BY_DOCUMENTS)
    sent = await desk.send(PRESCRIPTION)
    reply = await desk.call("GET", f"{sent['links']['summary']}?paper=letter&variant=huge&with=x")

    assert (reply.status, reply.code) == (400, "invalid_query")
    assert [one["pointer"] for one in reply.json["invalid"]] == ["/query/paper", "/query/variant", "/query/with"]
    assert (await desk.call("GET", sent["links"]["self"])).json["status"] == "print_required"


async def test_documents_of_one_visit_on_one_sheet(desk: Desk) -> None:
    """Both numbers are on the page, each id is named, and both notifications are printed."""
    await desk.patient(BY_DOCUMENTS)
    first, second = await desk.send(PRESCRIPTION), await desk.send(REFERRAL)
    drawn = await desk.call("GET", f"{first['links']['summary']}?with={second['id']},{first['id']}")
    (page,) = pypdf.PdfReader(io.BytesIO(drawn.body)).pages
    words = page.extract_text()

    for known in ("0000-243P-1X53-EH38", "0123-4567-89AB-CEIK", first["id"], second["id"]):
        assert known in words
    for one in (first, second):
        assert (await desk.call("GET", one["links"]["self"])).json["status"] == "printed"


async def test_documents_of_others_are_not_put_together(desk: Desk) -> None:
    """Another patient's, a phone's of nobody known, too many, or one that is not there: refused, nothing is printed."""
    other = PATIENT_ID[:-1] + "2"
    await desk.patient(BY_DOCUMENTS)
    await desk.patient(BY_DOCUMENTS, other)
    mine = await desk.send(PRESCRIPTION)
    theirs, inline = await desk.send({**REFERRAL, "patient_id": other}), await desk.send()
    more = [await desk.send(REFERRAL) for _ in range(SHEET_DOCUMENTS_MAX)]
    path = mine["links"]["summary"]

    for ids, code in ((theirs["id"], "other_patient"), (inline["id"], "other_patient"),
                      (",".join(one["id"] for one in more), "too_many")):  # fmt: skip
        reply = await desk.call("GET", f"{path}?with={ids}")
        assert (reply.status, [(one["pointer"], one["code"]) for one in reply.json["invalid"]]) == (
            400,
            [("/query/with", code)],
        )
    two_inline = await desk.call("GET", f"{inline['links']['summary']}?with={(await desk.send())['id']}")
    assert (two_inline.status, two_inline.json["invalid"][0]["code"]) == (400, "other_patient")
    assert (await desk.call("GET", f"{path}?with={uuid4()}")).status == 404
    assert (await desk.call("GET", mine["links"]["self"])).json["status"] == "print_required"


async def test_another_callers_document_is_not_put_on_the_sheet(desk: Desk) -> None:
    """It is as if it did not exist; and who sees all does not mix callers either."""
    await desk.patient(BY_DOCUMENTS)
    mine = await desk.send(PRESCRIPTION)
    scopes = ("notifications:write", "summaries:print")
    secret = await desk.access.callers.create("mis-2", "Another hospital", scopes)
    token = (await desk.access.issue("mis-2", secret, None)).access_token
    reply = await desk.call("POST", "/v1/notifications", REFERRAL, token=token, idempotency_key="k")
    theirs = reply.json

    hidden = await desk.call("GET", f"{theirs['links']['summary']}?with={mine['id']}", token=token)
    mixed = await desk.call("GET", f"{mine['links']['summary']}?with={theirs['id']}")
    assert hidden.status == 404
    assert (mixed.status, mixed.json["invalid"][0]["code"]) == (400, "other_patient")


async def test_the_code_is_on_paper_by_the_rule_alone(desk: Desk) -> None:
    """By documents and in a programme without messages it is; by phone, or when print was chosen, it is not."""
    await desk.patient(BY_DOCUMENTS)
    by_documents = await desk.send(PRESCRIPTION)
    phone_id = PATIENT_ID[:-1] + "2"
    await desk.patient(ADULT, phone_id)
    by_phone = await desk.send({**PRESCRIPTION, "patient_id": phone_id})
    chosen = await desk.send({**PRESCRIPTION, "patient_id": phone_id, "inform_with": "print"})
    programme = await desk.send({**PRESCRIPTION, "patient_id": phone_id, "notifications_off": True})
    inline = {name: value for name, value in PRESCRIPTION.items() if name != "patient_id"}
    unknown = await desk.send({**inline, "recipient": {"phone": PHONE}, "notifications_off": True})
    assert [one["status"] for one in (by_phone, chosen, programme, unknown)] == ["accepted", *["print_required"] * 3]
    assert programme["recipient"]["why"]["code"] == "programme_without_messages"
    code = f"Код підтвердження: {CODE}"
    for sent, is_there in (
        (by_documents, True),
        (by_phone, False),
        (chosen, False),
        (programme, True),
        (unknown, True),
    ):
        words = await _words(desk, sent["links"]["summary"])
        assert (code in words) is is_there
        assert ("Коду підтвердження на цьому аркуші немає" in words) is not is_there


async def test_without_a_reachable_person_a_silent_programme_is_refused_too(desk: Desk) -> None:
    """Nobody to inform stays nobody; and the flag must be true or false."""
    await desk.patient({**ADULT, "authentication_methods": []})
    reply = await desk.call(
        "POST", "/v1/notifications", {**PRESCRIPTION, "notifications_off": True}, idempotency_key="k"
    )
    assert reply.code == "no_authentication_method"
    wrong = await desk.call(
        "POST", "/v1/notifications", {**PRESCRIPTION, "notifications_off": "yes"}, idempotency_key="l"
    )
    assert [one["pointer"] for one in wrong.json["invalid"]] == ["/notifications_off"]


async def test_a_code_that_is_over_is_told_as_erased(desk: Desk) -> None:
    """From the end of the validity on, whether or not it was erased already; a withdrawn one is told so."""
    await desk.patient(BY_DOCUMENTS)
    soon = desk.ledger.clock.now() + timedelta(seconds=1)
    sent = await desk.send({**PRESCRIPTION, "valid_until": soon.isoformat()})
    while desk.ledger.clock.now() < soon:
        await asyncio.sleep(0.1)
    over = await _words(desk, sent["links"]["summary"])
    await desk.move(sent["id"], Due())
    erased = await _words(desk, sent["links"]["summary"])
    withdrawn = await desk.send(PRESCRIPTION)
    await desk.call("POST", f"{withdrawn['links']['self']}/cancel")

    for words in (over, erased, await _words(desk, withdrawn["links"]["summary"])):
        assert "Код підтвердження більше не доступний" in words
        assert f": {CODE}" not in words
    assert "стерто" in over
    assert "стерто" in erased


async def test_bad_details_are_told_at_intake(desk: Desk) -> None:
    """422 with a pointer into the summary, never a failure at print: missing, unknown, too long, unprintable."""
    await desk.patient(BY_DOCUMENTS)
    details = {"medication": "Аспірин", "doctor": "я" * 401, "service": "ЕКГ", "facility": "בית"}
    reply = await desk.call("POST", "/v1/notifications", {**PRESCRIPTION, "summary": details}, idempotency_key="k")
    assert (reply.status, reply.code) == (422, "invalid_input")
    assert {(one["pointer"], one["code"]) for one in reply.json["invalid"]} == {
        ("/summary/dosage", "missing"),
        ("/summary/doctor", "too_long"),
        ("/summary/service", "unknown_field"),
        ("/summary/facility", "unprintable"),
    }

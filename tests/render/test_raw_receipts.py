"""A receipt as it came: readable, about one message alone, and without a code."""

import json

from esoz_notify.render.raw_receipts import shown

ABOUT = {"messageId": "mine.0", "to": "380000000001", "errors": [{"id": 7}, {"id": 8}]}
OTHER = {"messageId": "other", "to": "380000000099"}


def test_only_what_speaks_of_the_message() -> None:
    """Entries of a list about other messages are left out and counted; within ours nothing is."""
    seen = shown(json.dumps({"results": [OTHER, ABOUT, OTHER], "count": 3}).encode(), "mine.0", None)
    assert (json.loads(seen.text), seen.left_out) == ({"results": [ABOUT], "count": 3}, 2)
    assert "\n" in seen.text


def test_what_does_not_speak_of_it_is_not_shown() -> None:
    """A call that has been tied to the message by something else shows nobody else's data."""
    seen = shown(json.dumps([OTHER]).encode(), "mine.0", None)
    assert (seen.text, seen.left_out) == ("", 1)


def test_the_text_that_a_receipt_repeats_is_cut() -> None:
    """What SMPP repeats of the message may be its code, in letters of any width; what cannot be read is a dot."""
    for repeated in (b"Code 4821", "Код 4821".encode("utf-16-be")):
        seen = shown(b"\x00\x05id:7 stat:DELIVRD err:000 Text:" + repeated, "7", None)
        assert seen.text == "··id:7 stat:DELIVRD err:000 Text:"


def test_a_code_is_hidden_wherever_it_is() -> None:
    """Also within JSON of a provider that repeats what it was given."""
    seen = shown(json.dumps({"id": "m", "text": "Код 4821."}).encode(), "m", "4821")
    assert json.loads(seen.text)["text"] == "Код ••••."

"""No input breaks what the readers promise: the kept corpus is replayed, and Hypothesis changes it a little further."""

import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from tests.fuzz.inputs import CORPUS, changed, inputs, kept
from tests.fuzz.targets import TARGETS, Target
from tests.fuzz.work import lines_run, octets_held

from esoz_notify.api import reading
from esoz_notify.channels import infobip, smpp_pdu, smpp_receipt, smpp_session
from esoz_notify.channels.infobip_codes import Meaning
from esoz_notify.core import numbers, patient, policy
from esoz_notify.core.channel import Channel
from esoz_notify.core.phone import Phone
from esoz_notify.core.receipts import ReceiptState

CORPUS_BYTES_MAX = 1_000_000
EXAMPLES = 200
EXAMPLES_FOR_MUTANTS = 5_000
GROWTH = 4
SMALL, LARGE = 100, 100 * GROWTH

each_target = pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)


@each_target
def test_every_kept_input_is_read_or_refused(target: Target) -> None:
    """What was ever worth keeping is played at every run, the seeds too."""
    for data in (*target.seeds, *(path.read_bytes() for path in kept(target))):
        target.play(data)


@each_target
def test_changed_inputs_are_read_or_refused(target: Target) -> None:
    """So are their neighbours."""
    _try(target, EXAMPLES)


def _try(target: Target, examples: int, **options: Any) -> None:
    @settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None, **options)
    @given(inputs(target))
    def play(data: bytes) -> None:
        target.play(data)

    play()


@pytest.mark.parametrize("target", [one for one in TARGETS.values() if one.grows], ids=lambda target: target.name)
def test_work_grows_no_faster_than_the_input(target: Target) -> None:
    """Four times the units take about four times the lines and the memory, so no stranger can buy time cheaply."""
    assert target.grows is not None
    head, unit, tail = target.grows
    few, many = (head + unit * times + tail for times in (SMALL, LARGE))
    with contextlib.suppress(*target.refuses):
        target.run(many)  # once before, so that what is made once is not counted
    for measure, slack in ((lines_run, 500), (octets_held, 50_000)):
        small, large = (measure(lambda data=data: target.play(data)) for data in (few, many))  # type: ignore[misc]
        assert large <= small * GROWTH * 1.2 + slack, f"{measure.__name__}: {small} for {SMALL}, {large} for {LARGE}"


def test_the_corpus_is_small_and_has_a_target() -> None:
    """The repository stays light, and no folder is left over from a target that is gone."""
    assert {path.name for path in CORPUS.iterdir()} <= set(TARGETS)
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < CORPUS_BYTES_MAX


def test_changes_do_what_they_are_called() -> None:
    """Every change of an input is the one it says."""
    acts = ("insert", "replace", "cut", "end", "double")
    assert [changed(b"abcd", act, 1, b"X") for act in acts] == [b"aXbcd", b"aXcd", b"ad", b"a", b"aabcd"]


class _Yes(dict[str, tuple[ReceiptState, None]]):
    """A table that takes every word it does not know for success."""

    def get(self, _: str, __: object = None) -> Any:
        return (ReceiptState.DELIVERED, None)


def _slow_frames(reader: Any) -> Any:
    """As FrameReader's, looking at all that came for every frame."""
    while len(reader._buffer) >= 4:
        length = sum(1 for _ in reader._buffer) and int.from_bytes(reader._buffer[:4])
        if len(reader._buffer) < length:
            return
        yield bytes(reader._buffer[:length])
        del reader._buffer[:length]


_read_octet = smpp_pdu._read_octet
MUTANTS: dict[str, tuple[str, object, str, object]] = {
    "reads past the end": ("smpp_pdu", smpp_pdu, "_read_octet", lambda frame, at, _: (frame[at], at + 1)),
    "loses an octet": ("smpp_pdu", smpp_pdu, "_read_octet", lambda f, at, n: (_read_octet(f, at, n)[0] & 0xFE, at + 1)),
    "takes any length": ("smpp_frames", smpp_pdu, "PDU_BYTES_MAX", 1 << 40),
    "forgets submits": ("smpp_session", smpp_session.Session, "_end", lambda _, __: iter(())),
    "believes any word": ("smpp_receipt", smpp_receipt, "_STATES", _Yes()),
    "believes any group": (
        "infobip_callback", infobip, "_meaning", lambda _: Meaning("?", ReceiptState.DELIVERED)),
    "tells the phone": ("phone", Phone, "masked", property(lambda self: self.e164)),
    "keeps spaces": ("number", numbers, "_TO_CANONICAL", numbers._CAPITALS | numbers._LOOK_ALIKES),
    "takes doubles": ("json_body", reading, "_without_doubles", dict),
    "has no depth": ("json_body", reading, "_too_deep", RecursionError),
    "forgets a method": ("patient", patient, "_written_method", lambda _: {"type": "NA"}),
    "ends anywhere": ("policy", policy, "GUARANTEED", frozenset(Channel)),
}  # fmt: skip
"""Faults to plant: the target that must notice, and what is put where. Their names say what they do wrong."""


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each promise bites: break a reader, and the bounded search says so."""
    target, owner, attribute, fault = MUTANTS[name]
    monkeypatch.setattr(owner, attribute, fault)
    with pytest.raises(_ANY_FAULT):
        _search(TARGETS[target])


_ANY_FAULT: tuple[type[BaseException], ...] = (Exception, ExceptionGroup)


def _search(target: Target) -> None:
    test_every_kept_input_is_read_or_refused(target)
    _try(target, EXAMPLES_FOR_MUTANTS, phases=[Phase.generate], derandomize=True)


def test_slow_reading_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that looks at everything again for each frame breaks the bound of work."""
    monkeypatch.setattr(smpp_pdu.FrameReader, "_frames", _slow_frames)
    with pytest.raises(AssertionError, match="lines_run"):
        test_work_grows_no_faster_than_the_input(TARGETS["smpp_frames"])

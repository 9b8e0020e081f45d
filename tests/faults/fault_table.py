"""What every fault of a provider must come to: the tables of ``test_provider_faults``.

``did`` is each attempt with its last outcome, ``took`` what the providers accepted (an SMS of several parts counts
once), ``shown`` what the handset shows, and ``why`` the reason in the history of each call that left.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace
from typing import Any

BOTH = ("code", "document")


@dataclass(frozen=True, kw_only=True)
class Given:
    """What is wrong. ``order``: more of the fault; ``phone``: behaviour of the handset; ``life_s``: of the message.

    ``any_smsc``: which operator is back first is chance, so both are called smsc.
    """

    provider: str
    fault: str
    kinds: tuple[str, ...] = BOTH
    window_s: float = 10.0
    life_s: float | None = None
    any_smsc: bool = False
    phone: Mapping[str, object] = field(default_factory=dict)
    order: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        more = "-".join(f"{value}" for value in self.order.values())
        return "-".join(part for part in (self.provider, self.fault, more, "+".join(self.kinds)) if part)


@dataclass(frozen=True)
class End:
    """How it must end, in words separated by spaces; an asterisk at the end: and so on."""

    status: str
    did: str
    took: str
    shown: str
    why: str

    def fits(self, seen: "End") -> bool:
        """Whether what was seen is this end."""
        pairs = zip(astuple(self), astuple(seen), strict=True)
        return all(is_.startswith(must[:-1]) if must.endswith("*") else is_ == must for must, is_ in pairs)


def viber(
    fault: str,
    *,
    kinds: tuple[str, ...] = BOTH,
    window_s: float = 10.0,
    phone: Mapping[str, object] | None = None,
    **order: object,
) -> Given:
    """A fault of the Viber aggregator."""
    return Given(provider="viber", fault=fault, kinds=kinds, window_s=window_s, phone=phone or {}, order=order)


def sms(
    fault: str,
    *,
    at: str = "sms",
    kinds: tuple[str, ...] = BOTH,
    life_s: float | None = None,
    any_smsc: bool = False,
    **order: object,
) -> Given:
    """A fault of both SMSCs, or of the one named; the phone has no Viber."""
    has_not = {"viber": False}
    return Given(provider=at, fault=fault, kinds=kinds, life_s=life_s, any_smsc=any_smsc, phone=has_not, order=order)


def diia(fault: str, *, window_s: float = 10.0, **order: object) -> Given:
    """A fault of Diia; codes do not go by it."""
    opens = {"reads": True}
    return Given(provider="diia", fault=fault, kinds=("document",), window_s=window_s, phone=opens, order=order)


# The fault hits the first request and spares the second: so falls the seed. Of garbage it also chooses which.
ONCE: dict[str, Any] = {"share": 0.5, "seed": 1}
TORN_PAGE_ONCE: dict[str, Any] = {"share": 0.5, "seed": 1}
NO_HTTP_ONCE: dict[str, Any] = {"share": 0.5, "seed": 7}

# Ends that several faults share.
BY_VIBER = End("delivered", "infobip=delivered", "viber", "viber", "first_step")
BY_VIBER_SAME_KEY = End("delivered", "infobip=delivered", "viber", "viber", "first_step repeat_same_key")
NOT_BY_VIBER = End("delivered", "infobip=failed smsc-a=delivered", "smsc-a", "sms", "first_step refused")
VIBER_REPORTS = End("delivered", "infobip=failed smsc-a=delivered", "smsc-a viber", "sms", "first_step refused")
BY_SMS = VIBER_REPORTS
BY_SMS_LATER = End("delivered", "infobip=failed smsc=delivered", "smsc viber", "sms", "first_step retry")
BY_OTHER = End(
    "delivered",
    "infobip=failed smsc-a=failed smsc-b=delivered",
    "smsc-b viber",
    "sms",
    "first_step refused other_provider",
)
BY_OTHER_TAKEN = End(
    "delivered",
    "infobip=failed smsc-a=failed smsc-b=delivered",
    "smsc-a smsc-b viber",
    "sms",
    "first_step refused other_provider",
)
NEITHER_TAKES = End("expired", "smsc-a=failed smsc-b=failed smsc-a=*", "", "", "life_too_short other_provider retry*")
NEITHER_DELIVERS = replace(NEITHER_TAKES, took="smsc-a*")
BY_DIIA = End("delivered", "diia=read", "diia", "diia", "first_step")
NOT_BY_DIIA = End("delivered", "diia=failed infobip=read", "viber", "viber", "first_step refused")
DIIA_REPORTS = End("delivered", "diia=failed infobip=read", "diia viber", "viber", "first_step refused")
DIIA_IS_MUTE = End("delivered", "diia=submitted infobip=read", "diia viber", "diia viber", "first_step window_ended")

# "life_too_short": a message with so little life left is not given to Viber, whose shortest validity is 30 s.
TABLE: list[tuple[Given, End]] = [
    # --- Viber: what it does not deliver goes by SMS, at once when it says so, else when its window ends -------------
    (
        viber("silent", window_s=2),
        End("delivered", "infobip=submitting smsc-a=delivered", "smsc-a", "sms", "first_step window_ended"),
    ),
    (viber("slow", delay_s=1), BY_VIBER),
    (
        viber("slow", window_s=2, delay_s=9),
        End("delivered", "infobip=submitting smsc-a=delivered", "smsc-a", "sms", "first_step window_ended"),
    ),
    (viber("timeout_after_accept"), BY_VIBER),  # its receipts name our key, so they need no answer to be known by
    *((viber("garbage", kinds=(kind,), **TORN_PAGE_ONCE), BY_VIBER_SAME_KEY) for kind in BOTH),
    *((viber("garbage", kinds=(kind,), **NO_HTTP_ONCE), BY_VIBER_SAME_KEY) for kind in BOTH),
    *((viber("disconnect", kinds=(kind,), **ONCE), BY_VIBER_SAME_KEY) for kind in BOTH),
    *(
        (
            viber("disconnect", window_s=3.4, kinds=(kind,)),  # one alone: two would open the provider's circuit
            End(
                "delivered",
                "infobip=unknown smsc-a=delivered",
                "smsc-a",
                "sms",
                "first_step repeat_same_key repeat_same_key window_ended",
            ),
        )
        for kind in BOTH
    ),
    *(
        (
            viber("throttle", kinds=(kind,), **ONCE),
            End("delivered", "infobip=failed infobip=delivered", "viber", "viber", "first_step retry"),
        )
        for kind in BOTH
    ),
    (
        viber("throttle", window_s=3.5, delay_s=2),
        End(
            "delivered",
            "infobip=failed infobip=failed smsc-a=delivered",
            "smsc-a",
            "sms",
            "first_step retry refused",
        ),
    ),
    (viber("outage"), NOT_BY_VIBER),
    (
        viber("never_receipt", window_s=2),
        End(
            "delivered",
            "infobip=submitted smsc-a=delivered",
            "smsc-a viber",
            "sms viber",
            "first_step window_ended",
        ),
    ),
    (viber("receipt_before_reply"), BY_VIBER),
    (viber("receipt_twice"), BY_VIBER),
    (viber("receipts_reordered"), BY_VIBER),
    (viber("receipt_burst", delay_s=0.6), BY_VIBER),
    *(
        (viber("refuse", reason=reason), NOT_BY_VIBER)
        for reason in ("invalid_number", "sender", "balance", "unauthorized")
    ),
    *(
        (viber("refuse", reason=reason), VIBER_REPORTS)
        for reason in (
            "not_a_user",
            "blocked",
            "no_device",
            "template",
            "template_arguments",
            "content",
            "spam",
            "provider",
        )
    ),
    # --- SMS: the other operator takes what the first does not, and what neither takes is tried until it is over ------
    (sms("slow", delay_s=1), BY_SMS),
    *(
        (
            sms("throttle", kinds=(kind,), **ONCE),
            End(
                "delivered",
                "infobip=failed smsc-a=failed smsc-b=failed smsc-a=delivered",
                "smsc-a viber",
                "sms",
                "first_step refused other_provider retry",
            ),
        )
        for kind in BOTH
    ),
    (sms("throttle", at="smsc-a"), BY_OTHER),
    (sms("never_receipt", life_s=4), End("expired", "smsc-a=submitted", "smsc-a", "sms", "life_too_short")),
    (sms("receipt_before_reply"), BY_SMS),
    (sms("receipt_twice"), BY_SMS),
    (sms("receipts_reordered"), BY_SMS),
    (sms("receipt_burst", delay_s=0.6), BY_SMS),
    (sms("outage", for_s=2, any_smsc=True), BY_SMS_LATER),
    (sms("outage", life_s=2), End("expired", "", "", "", "")),
    (
        sms("outage", at="smsc-a"),
        End("delivered", "infobip=failed smsc-b=delivered", "smsc-b viber", "sms", "first_step refused"),
    ),
    (
        sms("disconnect", at="smsc-a"),
        End("delivered", "infobip=failed smsc-b=delivered", "smsc-b viber", "sms", "first_step refused"),
    ),
    (sms("disconnect", for_s=2, any_smsc=True), BY_SMS_LATER),
    *((sms("refuse", at="smsc-a", reason=reason), BY_OTHER) for reason in ("invalid_source", "queue_full")),
    *((sms("refuse", at="smsc-a", reason=reason), BY_OTHER) for reason in ("submit_failed", "system_error")),
    *((sms("refuse", at="smsc-a", reason=reason), BY_OTHER_TAKEN) for reason in ("undelivered", "rejected")),
    (
        sms("refuse", at="smsc-a", reason="invalid_number"),  # no other operator will know the number better
        End("undelivered", "infobip=failed smsc-a=failed", "viber", "", "first_step refused"),
    ),
    # --- Diia: what it does not show goes by Viber -------------------------------------------------------------------
    (
        diia("silent", window_s=2),
        End("delivered", "diia=submitting infobip=read", "viber", "viber", "first_step window_ended"),
    ),
    (diia("slow", delay_s=0.3), BY_DIIA),
    (
        diia("timeout_after_accept", window_s=2),
        End("delivered", "diia=submitting infobip=read", "diia viber", "diia viber", "first_step window_ended"),
    ),
    (diia("garbage", seed=1), NOT_BY_DIIA),
    (diia("garbage", seed=7), NOT_BY_DIIA),
    (diia("disconnect"), NOT_BY_DIIA),
    (diia("throttle"), NOT_BY_DIIA),
    (diia("outage"), NOT_BY_DIIA),
    (diia("never_receipt", window_s=2), DIIA_IS_MUTE),
    *(
        (diia("refuse", reason=reason), NOT_BY_DIIA)
        for reason in ("validation", "template", "scope", "unauthorized", "unavailable")
    ),
    *((diia("refuse", reason=reason), DIIA_REPORTS) for reason in ("not_found", "generation_error", "send_error")),
]

LONG_TABLE: list[tuple[Given, End]] = [
    # Each of these waits out the ten seconds that a provider may take to answer; they do so side by side.
    (
        # Accepted, not answered, not reported: the same key again, the provider knows it, and shows it once.
        # The report comes long after the repeat, so that it is not taken for the answer to the first call.
        viber("timeout_after_accept", window_s=25, phone={"viber_latency_ms": [18000, 18000]}, for_s=5),
        BY_VIBER_SAME_KEY,
    ),
    (
        # Diia knows no key, but takes the later one for the earlier one's successor: two accepted, one shown.
        diia("timeout_after_accept", window_s=25, for_s=5),
        End("delivered", "diia=read", "diia diia", "diia", "first_step repeat_same_key"),
    ),
    (
        sms("silent", at="smsc-a", life_s=20),
        End("delivered", "smsc-a=unknown smsc-b=delivered", "smsc-b", "sms", "life_too_short repeat_after_unknown"),
    ),
    (
        # An SMSC knows no key: the one repeat goes by the other operator, is a decision, and may be a second message.
        sms("timeout_after_accept", at="smsc-a", life_s=20),
        End(
            "delivered",
            "smsc-a=unknown smsc-b=delivered",
            "smsc-a smsc-b",
            "sms sms",
            "life_too_short repeat_after_unknown",
        ),
    ),
    (sms("slow", at="smsc-a", delay_s=11), BY_SMS),  # unknown at ten seconds, ended by the late answer and its receipt
    (
        sms("garbage", at="smsc-a", kinds=("code",)),
        End(
            "delivered",
            "infobip=failed smsc-a=unknown smsc-b=delivered",
            "smsc-b viber",
            "sms",
            "first_step refused repeat_after_unknown",
        ),
    ),
    (
        sms("garbage", at="smsc-a", kinds=("document",), life_s=20),
        End("delivered", "smsc-a=unknown smsc-b=delivered", "smsc-b", "sms", "life_too_short repeat_after_unknown"),
    ),
    # Refused by both operators, an SMS is tried again with growing pauses for as long as it is worth it.
    *(
        (sms("refuse", life_s=7, reason=reason), NEITHER_TAKES)
        for reason in ("invalid_source", "queue_full", "submit_failed", "system_error")
    ),
    *((sms("refuse", life_s=7, reason=reason), NEITHER_DELIVERS) for reason in ("undelivered", "rejected")),
]

"""Statuses of a notification and outcomes of an attempt: the only lists of them.

What belongs here: the closed sets and what each member means. What does not: how one becomes another
(``cascade``) and how they are shown to people (``render``).
"""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Status of a notification; the value is the text in the ledger and in the API."""

    ACCEPTED = "accepted"
    IN_DELIVERY = "in_delivery"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    PRINT_REQUIRED = "print_required"
    PRINTED = "printed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusMeaning:
    """One row of the status table: what the engine and people may conclude from a status."""

    terminal: bool
    offers_print: bool
    may_resend: bool
    what: str


STATUSES: dict[Status, StatusMeaning] = {
    Status.ACCEPTED: StatusMeaning(
        terminal=False,
        offers_print=False,
        may_resend=False,
        what=(
            "Written to the ledger and answered 202; no provider has been called. Intake moves a row in; the first "
            "claim of a worker moves it out. After a crash the row is simply still due."
        ),
    ),
    Status.IN_DELIVERY: StatusMeaning(
        terminal=False,
        offers_print=True,
        may_resend=True,
        what=(
            "A step of the route is being tried or waited for. The first attempt moves a row in; a receipt, the last "
            "refusal, the end of validity or a cancel moves it out. After a crash the attempt whose worker died "
            "becomes unknown when its lease ends, and the rule for unknown goes on."
        ),
    ),
    Status.DELIVERED: StatusMeaning(
        terminal=True,
        offers_print=False,
        may_resend=True,
        what=(
            "A provider proved that the message is on the person's device. A receipt moves a row in, also a late one "
            "that corrects undelivered or expired. Only a resend asked for by the caller moves it out."
        ),
    ),
    Status.UNDELIVERED: StatusMeaning(
        terminal=True,
        offers_print=True,
        may_resend=True,
        what=(
            "Every step was tried, the guaranteed channel included, and refused for good. The printed summary is "
            "offered. A late proof of delivery or a resend moves it out."
        ),
    ),
    Status.EXPIRED: StatusMeaning(
        terminal=True,
        offers_print=True,
        may_resend=False,
        what=(
            "valid_until passed without proof of delivery or without the print being fetched. Nothing is sent any "
            "more: a dead code helps nobody. Only a late proof of delivery moves it out."
        ),
    ),
    Status.CANCELLED: StatusMeaning(
        terminal=True,
        offers_print=False,
        may_resend=False,
        what=(
            "The caller or an operator withdrew it. Nothing more is started; what a provider already has cannot be "
            "recalled, and its receipt is still written to the attempt."
        ),
    ),
    Status.PRINT_REQUIRED: StatusMeaning(
        terminal=False,
        offers_print=True,
        may_resend=False,
        what=(
            "The person is reached on paper: the doctor prints the information summary. Intake moves a row in; "
            "fetching the summary for print, a cancel, or the end of validity moves it out."
        ),
    ),
    Status.PRINTED: StatusMeaning(
        terminal=True,
        offers_print=True,
        may_resend=False,
        what="The summary was fetched for print. It may be printed again; the status stays.",
    ),
}


def is_terminal(status: Status) -> bool:
    """Whether nothing will happen to a notification in this status by itself."""
    return STATUSES[status].terminal


class Outcome(StrEnum):
    """Outcome of one attempt; the value is the text in the ledger and in the API."""

    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


PROOFS = frozenset({Outcome.DELIVERED, Outcome.READ})
"""Outcomes that prove that the person's device has the message."""

LIVE = frozenset({Outcome.SUBMITTING, Outcome.SUBMITTED, Outcome.UNKNOWN})
"""Outcomes after which something may still come from the provider."""

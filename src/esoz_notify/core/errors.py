"""The exception tree, and the problems that a bad input is told about.

    NotifyError
    ├── InvalidInput        the caller's data breaks a rule; carries every problem found; nothing was done
    ├── RefusedTransition   the request is well-formed but this notification's status does not allow it
    ├── NotFound            no such thing, or not yours
    ├── Conflict            the same key means something else already
    ├── LimitReached        too often; carries when it will be allowed
    ├── ConfigError         a setting, a policy file or a template is wrong; the start stops
    └── Unavailable         the ledger cannot be reached now; what the call wrote, if anything, its key finds again

Codes are stable and may be relied on; texts may change. No error carries personal data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule. ``pointer``: RFC 6901 JSON pointer of the field; ``detail``: the rule and the fix."""

    pointer: str
    code: str
    detail: str


class NotifyError(Exception):
    """Base of every error this package raises on purpose."""

    code = "internal"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code


class InvalidInput(NotifyError):
    """The caller's data breaks rules; ``problems`` names each field, rule and fix."""

    code = "invalid_input"

    def __init__(self, problems: Sequence[Problem], *, detail: str | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__(detail or "; ".join(f"{p.pointer}: {p.detail}" for p in self.problems))


class RefusedTransition(NotifyError):
    """The status of the notification does not allow what was asked."""

    code = "status_conflict"


class NotFound(NotifyError):
    """No such thing, or it is not the caller's; the two are not told apart on purpose."""

    code = "not_found"


class Conflict(NotifyError):
    """The same idempotency key or name already means something else."""

    code = "conflict"


class LimitReached(NotifyError):
    """Too often. ``next_at``: when the next one will be allowed."""

    code = "limit_reached"

    def __init__(self, detail: str, *, next_at: datetime) -> None:
        super().__init__(detail)
        self.next_at = next_at


class ConfigError(NotifyError):
    """A setting, a policy file, a template or the machine is not as needed; says which, why and the fix."""

    code = "configuration"


class Unavailable(NotifyError):
    """The ledger cannot be reached or written now, or does not say that it was: the same call again makes it sure."""

    code = "unavailable"

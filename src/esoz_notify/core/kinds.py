"""The kinds of notification: one row each. Adding a kind is adding a row here and its texts in ``render``.

What belongs here: lane, policy column, validity, the data a kind needs and whether it may carry a code. What does not:
its texts (``render``) and the formats of numbers (``numbers``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from esoz_notify.core.errors import InvalidInput
from esoz_notify.core.fields import Fields, Findings
from esoz_notify.core.numbers import NumberFormat, parse


class Lane(StrEnum):
    """A queue with capacity of its own: codes never wait behind the rest."""

    CODES = "codes"
    DOCUMENTS = "documents"


class PolicyColumn(StrEnum):
    """The column of a dated policy that a kind follows; the value is its name in ``policies.toml``."""

    CODES = "codes"
    DOCUMENTS = "documents"
    REST = "rest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One datum of a kind. ``format``: how it is parsed and normalised; None: plain text of at most ``length_max``.

    ``aliases``: other names callers know it by in ESOZ's own contracts; stored under ``name``. ``secret``: it is or
    may hold a code, so it is stored by itself and erased when the notification is over.
    """

    name: str
    format: NumberFormat | None = None
    required: bool = True
    length_max: int = 60
    aliases: tuple[str, ...] = ()
    secret: bool = False


@dataclass(frozen=True)
class Kind:
    """One row of the table of kinds. ``internal``: not for callers of the API to choose."""

    name: str
    column: PolicyColumn
    fields: tuple[Field, ...]
    title_uk: str
    title_en: str
    internal: bool = False

    @cached_property
    def lane(self) -> Lane:
        """Codes go ahead of everything else."""
        return Lane.CODES if self.column is PolicyColumn.CODES else Lane.DOCUMENTS

    @property
    def validity_s(self) -> int:
        """How long the message is worth delivering unless the caller says.

        A code lives 300 s in ESOZ; the rest is worth a day: after that the paper or the caller's system tells.
        """
        return CODE_LIFE_S if self.lane is Lane.CODES else DAY_S

    @property
    def paper_validity_s(self) -> int:
        """How long a summary that replaces the message may be printed: a prescription is redeemed within 30 days."""
        return CODE_LIFE_S if self.lane is Lane.CODES else 30 * DAY_S

    @cached_property
    def secret_field(self) -> str | None:
        """Name of the datum that is erased when the notification is over; None: it has none."""
        return next((field.name for field in self.fields if field.secret), None)

    @property
    def carries_code(self) -> bool:
        """Whether its data may hold a confirmation code, which is erased when the notification is over."""
        return self.secret_field is not None


CODE_FIELD = "verification_code"
NUMBER_FIELD = "request_number"

CODE_LIFE_S = 300
DAY_S = 86_400
PURPOSE_LENGTH_MAX = 26
"""With the longest code and the longest purpose the message of a code is still one part of 70 letters."""
PLAIN_TEXT = "plain_text"
PLAIN_TEXT_LENGTH_MAX = 335
"""Five parts of 67 letters."""

_CODE = Field(name=CODE_FIELD, format=NumberFormat.CODE, aliases=("code",), secret=True)
_CODE_IF_ANY = Field(name=CODE_FIELD, format=NumberFormat.CODE, aliases=("code",), required=False, secret=True)
_PRESCRIPTION = Field(name=NUMBER_FIELD, format=NumberFormat.PRESCRIPTION)
_REQUISITION = Field(name=NUMBER_FIELD, format=NumberFormat.REQUISITION, aliases=("requisition",))
_CREATED_AT = Field(name="created_at", format=NumberFormat.DATE, required=False)
_DEVICE = Field(name=NUMBER_FIELD, format=NumberFormat.DEVICE_REQUEST, aliases=("requisition",))
_PURPOSE = Field(name="purpose", required=False, length_max=PURPOSE_LENGTH_MAX)
_BODY = Field(name="body", length_max=PLAIN_TEXT_LENGTH_MAX, secret=True)


_C, _D, _R = PolicyColumn.CODES, PolicyColumn.DOCUMENTS, PolicyColumn.REST

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("confirmation_code", _C, (_CODE, _PURPOSE), "Код підтвердження", "Confirmation code"),
        Kind("prescription_issued", _D, (_PRESCRIPTION, _CODE_IF_ANY), "Рецепт виписано", "Prescription issued"),
        Kind("prescription_rejected", _D, (_PRESCRIPTION, _CREATED_AT), "Рецепт відкликано", "Prescription rejected"),
        Kind("prescription_blocked", _D, (_PRESCRIPTION,), "Рецепт заблоковано", "Prescription blocked"),
        Kind("referral_issued", _D, (_REQUISITION,), "Направлення створено", "Referral issued"),
        Kind("referral_cancelled", _D, (_REQUISITION,), "Направлення відмінено", "Referral cancelled"),
        Kind("referral_recalled", _D, (_REQUISITION,), "Направлення відкликано", "Referral recalled"),
        Kind("device_request_issued", _R, (_DEVICE, _CODE_IF_ANY), "Медичний виріб", "Device request issued"),
        Kind("device_request_error", _R, (_DEVICE,), "Виріб: запит помилковий", "Device request in error"),
        Kind("care_plan_created", _D, (_REQUISITION,), "План лікування створено", "Care plan created"),
        Kind("conclusion_issued", _R, (_REQUISITION,), "Медичний висновок", "Medical conclusion issued"),
        Kind("conclusion_error", _R, (_REQUISITION,), "Висновок скасовано", "Medical conclusion in error"),
        # A text that one of ESOZ's own components made: only by the contract that they call today.
        Kind(PLAIN_TEXT, _R, (_BODY,), "Повідомлення ЕСОЗ", "Message of the health system", internal=True),
    )
}

PUBLIC_KINDS: tuple[str, ...] = tuple(kind.name for kind in KINDS.values() if not kind.internal)
"""Names of the kinds that callers of the API may choose."""


def read_data(kind: Kind, data: Mapping[str, object], pointer: str = "/data") -> dict[str, str]:
    """Read the data of one notification of a kind: canonical names, normalised values, optional fields only if given.

    ``pointer``: where ``data`` is in the caller's body. Reading its own answer again gives the same answer.

    Raises:
        InvalidInput: with every missing, unknown, doubled, mistyped, over-long or malformed field at once.

    """
    findings = Findings()
    fields = Fields(data, pointer, findings)
    values: dict[str, str] = {}
    for field in kind.fields:
        value = _read_field(field, fields)
        if value is not None:
            values[field.name] = value
    allowed = ", ".join(field.name for field in kind.fields)
    for name in fields.left():
        fields.problem(name, "unknown_field", f"is not a field of this kind, which has: {allowed}; remove or rename it")
    if findings.problems:
        raise InvalidInput(findings.problems)
    return values


def _read_field(field: Field, fields: Fields) -> str | None:
    names = (field.name, *field.aliases)
    name, value = fields.find(*names)
    if value is None:
        if field.required:
            fields.problem(name, "missing", f"is required by this kind; give it as {' or '.join(names)}")
        return None
    if not isinstance(value, str):
        fields.problem(name, "wrong_type", "must be a JSON string; put the value in quotes")
        return None
    number_format = field.format
    if number_format is None:
        return fields.plain(name, value, field.length_max)
    return fields.parsed(name, lambda: parse(number_format, value))

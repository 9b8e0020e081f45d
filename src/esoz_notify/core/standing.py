"""What a person may do alone, and which of their methods and relations serve at a given time.

What belongs here: age, capacity, and being in force. What does not: choosing among what is in force (``recipient``).
"""

from datetime import UTC, datetime
from enum import StrEnum

from esoz_notify.core.kyiv import age_on, kyiv_date
from esoz_notify.core.patient import AuthenticationMethod, Confidant, LegalCapacity, MethodType, Patient

SELF_AUTHENTICATION_AGE = 14
"""``no_self_auth_age`` of ESOZ's global parameters: below it own methods are not used."""
FULL_CAPACITY_AGE = 18
"""``person_full_legal_capacity_age``: from it on a person is capable unless a document says otherwise."""


class Standing(StrEnum):
    """What the law lets a person do alone, as far as informing them goes."""

    UNDER_14 = "under_14"
    INCAPABLE = "incapable"
    GUARDED = "guarded"
    """14-17 or of partial capacity, with a guardian in force."""
    UNGUARDED = "unguarded"
    """14-17 or of partial capacity, no guardian in force: own methods serve, strangers' phones do not."""
    CAPABLE = "capable"


NEEDS_GUARDIAN = frozenset({Standing.UNDER_14, Standing.INCAPABLE, Standing.GUARDED})


class Lapse(StrEnum):
    """Why a method does not serve."""

    INACTIVE = "inactive"
    ENDED = "ended"
    NOT_STARTED = "not_started"


OWN_TYPES = (MethodType.OTP, MethodType.OFFLINE)
"""Types by which a person is authenticated themselves."""

_LATEST = datetime.max.replace(tzinfo=UTC)


def standing_of(patient: Patient, now: datetime) -> Standing:
    """Give the standing on the Kyiv calendar day of ``now``."""
    age = age_on(patient.birth_date, kyiv_date(now))
    capacity = patient.legal_capacity
    if age < SELF_AUTHENTICATION_AGE:
        return Standing.UNDER_14
    if capacity is LegalCapacity.NONE:
        return Standing.INCAPABLE
    if capacity is LegalCapacity.FULL or (capacity is None and age >= FULL_CAPACITY_AGE):
        return Standing.CAPABLE
    guarded = any(relation.is_verified and is_current(relation, now) for relation in patient.confidants or ())
    return Standing.GUARDED if guarded else Standing.UNGUARDED


def is_current(relation: Confidant, now: datetime) -> bool:
    """Whether a relation is in force, approved or not."""
    return relation.is_active and (relation.active_to is None or relation.active_to > now)


def lapse_of(method: AuthenticationMethod, now: datetime) -> Lapse | None:
    """Say why a method does not serve now; active as ESOZ counts it, and already started."""
    if not method.is_active:
        return Lapse.INACTIVE
    if method.ended_at is not None and method.ended_at <= now:
        return Lapse.ENDED
    if method.started_at is not None and method.started_at > now:
        return Lapse.NOT_STARTED
    return None


def own_usable(person: Patient, now: datetime, method_type: MethodType) -> list[AuthenticationMethod]:
    """Give a person's own usable methods of a type, first-added first; one by phone needs its phone."""
    return [
        method
        for method in first_added(person.methods)
        if method.type is method_type
        and not lapse_of(method, now)
        and (method_type is not MethodType.OTP or method.phone is not None)
    ]


def first_added(methods: tuple[AuthenticationMethod, ...]) -> tuple[AuthenticationMethod, ...]:
    """Order by when a method was added; if that is not told by its start, then by id, so that order never matters."""
    return tuple(
        sorted(
            methods,
            key=lambda m: (m.inserted_at or m.started_at or _LATEST, m.started_at or _LATEST, m.id),
        )
    )

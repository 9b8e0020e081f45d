"""What sending a bulk file would come to: how many of each kind, by which channels, for how much; nothing is sent.

What belongs here: counting checked rows in memory that does not grow, and sums over routes that somebody asked for.
What does not: asking for routes (the caller does), showing.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from esoz_notify.core.channel import Channel
from esoz_notify.core.sms_text import count
from esoz_notify.engine.bulk_rows import Body, Row
from esoz_notify.engine.requests import Order
from esoz_notify.render.texts import Texts

SAMPLES_MAX = 100
"""Patients of one kind of whom the route is asked; the others are taken to be like them."""

Route = Mapping[str, Any]
"""An answer of POST /v1/route."""


@dataclass(slots=True)
class Group:
    """Rows whose routes are alike: one kind, reached in one way. ``samples``: some of them, evenly from all."""

    count: int = 0
    sms_parts: int = 0
    samples: list[Body] = field(default_factory=list)
    step: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """``first``: how many begin with each channel. ``least``: each arrives by its first; ``most``: all by SMS.

    ``refused``: nobody could be informed. ``by_sample``: routes of some patients stand for those of all.
    """

    first: Mapping[Channel, int]
    refused: int
    least: Decimal
    most: Decimal
    by_sample: bool


class Tally:
    """Counts rows. ``texts``: by which parts of an SMS are counted."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._parts: dict[tuple[object, ...], int] = {}
        self.kinds: Counter[str] = Counter()
        self.groups: dict[tuple[str, str], Group] = {}

    @property
    def count(self) -> int:
        """Rows counted."""
        return self.kinds.total()

    def add(self, row: Row) -> None:
        """Count one."""
        self.kinds[row.order.kind.name] += 1
        way = _way(row.order)
        group = self.groups.setdefault((row.order.kind.name, way), Group())
        if group.count % group.step == 0 and (way == "patient" or not group.samples):
            group.samples.append(row.body)
            if len(group.samples) >= SAMPLES_MAX:
                group.samples, group.step = group.samples[::2], group.step * 2
        group.count += 1
        group.sms_parts += self._sms_parts(row.order)

    def _sms_parts(self, order: Order) -> int:
        """Numbers have a length of their own, so that the length of a text follows from which data there are."""
        language = order.recipient.language if order.recipient else "uk"
        shape = (order.kind.name, language, order.code is not None, *sorted(order.data))
        if shape not in self._parts:
            secret = {order.kind.secret_field: order.code} if order.kind.secret_field and order.code else {}
            message = self._texts.message(order.kind.name, Channel.SMS, language, {**order.data, **secret})
            self._parts[shape] = count(message.text).segment_count
        return self._parts[shape]

    async def estimate(self, ask: Callable[[Body], Awaitable[Route]], prices: Mapping[Channel, Decimal]) -> Estimate:
        """Ask for the routes of the samples, and sum up. ``prices``: of a message, and of a part of an SMS."""
        first: Counter[Channel] = Counter()
        refused, least, most, by_sample = 0, Decimal(0), Decimal(0), False
        for group in self.groups.values():
            routes = [await ask(body) for body in group.samples]
            by_sample = by_sample or (len(routes) < group.count and group.step > 1)
            parts = Decimal(group.sms_parts) / group.count
            begun = Counter(Channel(one["route"][0]) for one in routes if one["route"])
            shares = _shared(group.count, [*begun.values(), len(routes) - begun.total()])
            refused += shares.pop()
            for channel, share in zip(begun, shares, strict=True):
                first[channel] += share
                if channel is not Channel.PRINT:
                    least += share * prices[channel] * (parts if channel is Channel.SMS else 1)
                    most += share * prices[Channel.SMS] * parts
        return Estimate(first=dict(first), refused=refused, least=least, most=most, by_sample=by_sample)


def _way(order: Order) -> str:
    if order.notifications_off:
        return "off"
    if order.recipient is None:
        return "patient"
    return "tax_id" if order.recipient.tax_id else "phone"


def _shared(total: int, parts: list[int]) -> list[int]:
    """A total in the shares of these numbers, whole, with nothing lost: the largest takes what is left over."""
    whole = sum(parts)
    shares = [total * part // whole for part in parts]
    shares[max(range(len(parts)), key=parts.__getitem__)] += total - sum(shares)
    return shares

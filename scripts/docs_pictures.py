"""The pictures of the docs that are drawn and not taken: how the words hang together, and the states.

What belongs here: places, boxes and arrows. What does not: which states lead where (``core.cascade``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape

from esoz_notify.core.cascade import TABLE, CancelAsked, Printed, ResendAsked
from esoz_notify.core.status import Status, is_terminal

_STYLE = """\
text { font: 15px system-ui, 'Noto Sans', sans-serif; fill: #16202e; text-anchor: middle; }
.small { font-size: 12.5px; fill: #3b4757; }
.paper { fill: #fbfcfe; stroke: #c9d2de; }
.box { fill: #e8f0fb; stroke: #2f66b0; stroke-width: 1.5; }
.end { fill: #e6f4ea; stroke: #2c7a46; stroke-width: 1.5; }
.out { fill: #fff; stroke: #5b6675; stroke-width: 1.5; stroke-dasharray: 5 4; }
path { fill: none; stroke: #46515f; stroke-width: 1.6; marker-end: url(#tip); }
.asked { stroke: #8a4b00; stroke-dasharray: 6 4; }
"""
_TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<polygon points="0,0 8,4 0,8" fill="#46515f"/></marker></defs>'
)


@dataclass(frozen=True, slots=True)
class Box:
    """A box by its middle; ``looks``: box, end or out."""

    x: int
    y: int
    words: str
    note: str = ""
    looks: str = "box"
    width: int = 150
    height: int = 48

    def drawn(self) -> str:
        """The box and its words."""
        left, top = self.x - self.width // 2, self.y - self.height // 2
        lift = 8 if self.note else -5
        made = f'<rect class="{self.looks}" x="{left}" y="{top}" width="{self.width}" height="{self.height}" rx="8"/>'
        made += _text(self.x, self.y - lift + (6 if self.note else 0), self.words)
        return made + (_text(self.x, self.y + 15, self.note, "small") if self.note else "")


def _text(x: int, y: int, words: str, looks: str = "") -> str:
    mark = f' class="{looks}"' if looks else ""
    return f'<text{mark} x="{x}" y="{y}">{escape(words)}</text>'


def _picture(title: str, width: int, height: int, parts: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">'
    paper = f'<rect class="paper" x="1" y="1" width="{width - 2}" height="{height - 2}" rx="10"/>'
    return (
        "\n".join([head, f"<title>{title}</title>", f"<style>{_STYLE}</style>", _TIP, paper, *parts, "</svg>"]) + "\n"
    )


# --- how the words hang together --------------------------------------------------------------------------------------

_WORDS = {
    "caller": Box(110, 70, "medical system", "a document is signed", "out", 170),
    "notification": Box(330, 70, "notification", "a kind and its data", width=170),
    "recipient": Box(550, 70, "recipient", "who is told, and why", width=170),
    "route": Box(770, 70, "route", "channels, in order", width=170),
    "policy": Box(770, 180, "policy", "the table of today", width=170),
    "lane": Box(330, 180, "lane", "codes, documents", width=170),
    "attempt": Box(550, 180, "attempt", "one try, with a key", width=170),
    "provider": Box(550, 290, "provider", "of Diia, Viber or SMS", "out", 170),
    "print": Box(770, 290, "print", "where no message helps", "end", 170),
    "phone": Box(330, 290, "the person's phone", "", "end", 170),
    "receipt": Box(110, 290, "receipt", "on the phone, or never", width=170),
    "decision": Box(110, 180, "decision", "each step, with its reason", width=180),
}
_ARROWS = (
    "M195,70 H241", "M415,70 H461", "M635,70 H681", "M770,156 V98", "M770,94 C770,130 330,110 330,152",
    "M415,180 H461", "M550,204 V262", "M465,290 H419", "M550,314 C550,345 110,345 110,318", "M110,266 V208",
    "M201,192 C260,225 420,225 476,206", "M848,94 C880,150 880,220 845,264",
)  # fmt: skip


def concepts() -> str:
    """From a signed document to a patient who knows."""
    parts = [f'<path d="{one}"/>' for one in _ARROWS]
    parts += [box.drawn() for box in _WORDS.values()]
    parts.append(_text(330, 243, "the next attempt, the next channel, or the end", "small"))
    return _picture("From a signed document to a patient who knows", 890, 360, parts)


# --- states -----------------------------------------------------------------------------------------------------------

_PLACES: Mapping[Status, tuple[int, int]] = {
    Status.ACCEPTED: (110, 290),
    Status.IN_DELIVERY: (370, 170),
    Status.DELIVERED: (720, 60),
    Status.UNDELIVERED: (720, 155),
    Status.EXPIRED: (720, 250),
    Status.PRINT_REQUIRED: (370, 400),
    Status.PRINTED: (720, 345),
    Status.CANCELLED: (720, 440),
}
_ASKED = (CancelAsked, ResendAsked, Printed)


def _edges() -> dict[tuple[Status, Status], list[str]]:
    """Which status leads to which other, and by which events."""
    edges: dict[tuple[Status, Status], list[str]] = {}
    for (status, event), row in TABLE.items():
        for target in Status:
            if target in row.leads_to and target is not status:
                edges.setdefault((status, target), []).append(event.__name__)
    return edges


def states() -> str:
    """Statuses and the ways between them; the ways that somebody asks for are broken lines."""
    asked = {one.__name__ for one in _ASKED}
    parts = []
    for (start, end), events in _edges().items():
        looks = ' class="asked"' if asked.issuperset(events) else ""
        parts.append(f'<path{looks} d="{_way(start, end)}"><title>{", ".join(events)}</title></path>')
    parts += [Box(*_PLACES[one], one.value, looks="end" if is_terminal(one) else "box").drawn() for one in Status]
    parts += list(_legend())
    return _picture("Statuses and the ways between them", 860, 530, parts)


def _way(start: Status, end: Status) -> str:
    """A curve from the edge of one box to the edge of another; the way back runs beside the way there."""
    (x1, y1), (x2, y2) = _PLACES[start], _PLACES[end]
    if x1 == x2 and end is Status.DELIVERED and start is not Status.UNDELIVERED:  # past what lies between
        bend = x1 + 90 + abs(y1 - y2) // 5
        return f"M{x1 + 75},{y1} C{bend},{y1} {bend},{y2} {x2 + 77},{y2 + 8}"
    if x1 == x2:
        way = 1 if y2 > y1 else -1
        return f"M{x1 - 30 * way},{y1 + 24 * way} L{x2 - 30 * way},{y2 - 27 * way}"
    way = 1 if x2 > x1 else -1
    beside = 9 * way
    return (
        f"M{x1 + 75 * way},{y1 - beside} C{x1 + 150 * way},{y1 - beside} {x2 - 160 * way},{y2 - beside}"
        f" {x2 - 78 * way},{y2 - beside}"
    )


def _legend() -> Iterator[str]:
    yield '<path d="M40,495 H100"/>'
    yield _text(205, 500, "time, a provider, a receipt", "small")
    yield '<path class="asked" d="M330,495 H390"/>'
    yield _text(545, 500, "somebody asks: withdraw, send again, print", "small")

"""The values that a provider's dialogue is made of.

An adapter is a pure generator: it yields calls as values, is sent replies as values, and returns one result per
message. The engine's gateway does the network; a test plays the other side with plain values.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from esoz_notify.core.callback_credentials import Signed
from esoz_notify.core.channel import Channel
from esoz_notify.core.phone import Phone
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.results import Recovery, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """One message for one person by one channel, ready to be said in a provider's words.

    ``key`` is our own reference of the attempt (UUID text): the provider's idempotency key where it has one.
    ``template`` and ``parameters`` for channels that send approved templates, ``text`` for those that send text; both
    are always filled. ``validity_s``: how long the provider may go on trying.
    """

    key: str
    phone: Phone | None
    tax_id: str | None
    kind: str
    template: str
    parameters: Mapping[str, str]
    text: str
    language: str
    validity_s: float

    def __repr__(self) -> str:
        # The text, the parameters and the person must not reach a log through a repr.
        return f"OutboundMessage(key={self.key!r}, kind={self.kind!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """One HTTP request. ``path`` is joined to the provider's base URL. ``label`` names it in logs instead of the path.

    ``idempotent``: the call may be repeated without doubling a message, so a lost answer is not an unknown.
    ``timed_headers``: further headers that hold our time, made of it when the call leaves (a signed token that dies).
    ``about_reports``: it asks what became of messages, which some providers tell at another base URL.
    """

    label: str
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    idempotent: bool = False
    timed_headers: Callable[[datetime], Mapping[str, str]] | None = None
    about_reports: bool = False

    def __repr__(self) -> str:
        return f"HttpCall({self.label})"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpReply:
    """The answer to an HttpCall. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __repr__(self) -> str:
        return f"HttpReply({self.status}, {len(self.body)} bytes)"


@dataclass(frozen=True, slots=True)
class NoReply:
    """No answer came. ``sent`` False: the request certainly did not leave (refused connection, no name, no TLS)."""

    sent: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Keep:
    """Ask the gateway to keep a value (a bearer token) for later dialogues of the same provider; never logged."""

    name: str
    value: str
    ttl_s: float

    def __repr__(self) -> str:
        return f"Keep({self.name})"


Saying: TypeAlias = HttpCall | Keep
Hearing: TypeAlias = HttpReply | NoReply | None
"""What the gateway sends back into the generator; None answers a Keep."""

SubmitDialogue: TypeAlias = Generator[Saying, Hearing, tuple[Result, ...]]
"""Returns one result per message, in order."""


class Receipt(Struct, frozen=True, kw_only=True):
    """What a provider says about one part of one message, in our vocabulary.

    ``provider_message_id`` is the id from ``Accepted.message_ids``. ``at``: the provider's own time, aware, if it gave
    one. ``raw_status``: the provider's word, kept beside ours. ``detail``: its codes, never personal data.
    """

    provider_message_id: str
    state: ReceiptState
    reason: Reason | None = None
    at: datetime | None = None
    raw_status: str = ""
    detail: str = ""
    price: str | None = None
    segment_count: int | None = None


@dataclass(frozen=True, slots=True)
class ReceiptProblem:
    """A receipt that cannot be read: kept raw, counted, answered all the same. ``what``: the rule it breaks."""

    what: str


PollDialogue: TypeAlias = Generator[Saying, Hearing, tuple[Receipt | ReceiptProblem, ...]]
"""Asks a provider what became of messages (receipts by polling)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do, declared as data; every default says no.

    ``batch_max``: messages in one submit dialogue. ``poll_after_s``: ask by polling when no receipt came for so long,
    and again with these gaps; empty: the provider cannot be polled. ``callback``: it reports by itself, to our callback
    endpoint or over its session. ``message_id_is_key``: receipts name our own key, so they find their attempt even
    before the reply is recorded. ``key_field``: where in a call our key stands, by which the provider knows a repeat;
    empty: it knows none. ``template_ids``: it sends templates that it knows by ids, else the text. ``seen``, ``price``:
    its receipts tell them. ``sender``: what a person sees as the sender.
    """

    channel: Channel
    recovery: Recovery
    validity_min_s: float = 0.0
    validity_max_s: float = 0.0
    batch_max: int = 1
    callback: bool = False
    message_id_is_key: bool = False
    poll_after_s: tuple[float, ...] = ()
    needs_phone: bool = False
    needs_tax_id: bool = False
    key_field: str = ""
    template_ids: bool = False
    seen: bool = False
    price: bool = False
    sender: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One provider, ready for use: its name, what it can do, and its dialogues bound to one account.

    ``submit`` takes at most ``batch_max`` messages and the values kept so far. ``poll`` takes provider message ids.
    ``read_callback`` takes the headers (lower case) and the body of one callback that has already been authenticated.
    ``prove`` takes the same and our time, and tells whether the callback proves by itself whose it is, where the
    provider has a proof of its own in it.
    """

    name: str
    capabilities: Capabilities
    submit: Callable[[Sequence[OutboundMessage], Mapping[str, str]], SubmitDialogue]
    poll: Callable[[Sequence[str], Mapping[str, str]], PollDialogue] | None = None
    read_callback: Callable[[Mapping[str, str], bytes], tuple[Receipt | ReceiptProblem, ...]] | None = None
    prove: Callable[[Mapping[str, str], bytes, datetime], Signed | None] | None = None

"""What a lab is started with, one frozen value. No behaviour here, and no reading of the environment."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

VIBER = "viber"
DIIA = "diia"
SMSC_A = "smsc-a"
SMSC_B = "smsc-b"
TURBOSMS = "turbosms"
HTTP_SMS = "http-sms"
VONAGE = "vonage"
HYBER = "hyber"

DIIA_SCOPES = frozenset(
    {"createTemplate", "createDistribution", "distributionStatus", "distributionResults", "deleteDistribution"}
)


class IdFormat(StrEnum):
    """How an SMSC writes one and the same message id; the answer and the receipt may differ."""

    DECIMAL = "decimal"
    HEX = "hex"


class DiiaPaths(StrEnum):
    """Which of the two published path sets the lab's Diia answers on (they contradict each other)."""

    DDM = "ddm"
    """Status at ``/push/{id}/status``, recipients at ``/push/{id}`` (platform document 1.9.7)."""
    GATEWAY = "gateway"
    """Status at ``/{id}/status``, recipients at ``/push/{id}/status`` (open-sourced gateway, 2024-07)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmscSettings:
    """One operator's SMSC. ``port`` 0 takes a free one; ``bind_limit`` counts sessions of the one system_id."""

    name: str
    port: int = 0
    system_id: str = "esoz"
    password: str = field(default="labpass", repr=False)
    bind_limit: int = 16
    response_ids: IdFormat = IdFormat.DECIMAL
    receipt_ids: IdFormat = IdFormat.DECIMAL
    ssl_context: ssl.SSLContext | None = None
    receipt_retry_s: float = 2.0
    """A receipt not acknowledged with 0 is sent again after this."""
    receipt_window: int = 50
    """Receipts on their way to one session without an acknowledgement."""
    enquire_link_s: float = 30.0
    validity_default_s: float = 86_400.0
    """How long a message without validity_period is kept for an absent phone."""
    ack_at_once: bool = False
    """Acknowledge what was read at TCP's level without delay, as SMSCs of many sessions do; Linux only. Otherwise a
    client that leaves Nagle's algorithm on waits up to 40 ms for each delayed acknowledgement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabSettings:
    """Everything of a lab; ports 0 take free ones.

    ``port`` answers every path; ``viber_port`` and ``diia_port`` do too, and are what an outage closes. Other providers
    have free ports of their own, which the ready line tells.
    """

    host: str = "127.0.0.1"
    port: int = 0
    viber_port: int = 0
    diia_port: int = 0
    smscs: tuple[SmscSettings, ...] = (SmscSettings(name=SMSC_A), SmscSettings(name=SMSC_B))

    viber_api_key: str = field(default="lab-viber-key", repr=False)
    diia_partner_token: str = field(default="lab-diia-partner", repr=False)
    turbosms_token: str = field(default="lab-turbosms-token", repr=False)
    turbosms_signature_key: str = field(default="lab-turbosms-key", repr=False)
    vonage_api_key: str = "lab-vonage"
    vonage_api_secret: str = field(default="lab-vonage-secret", repr=False)
    vonage_signature_secret: str = field(default="lab-vonage-signature-secret-of-statuses", repr=False)
    hyber_login: str = "lab-hyber"
    hyber_password: str = field(default="lab-hyber-password", repr=False)
    http_sms_token: str = field(default="lab-http-sms-token", repr=False)
    callback_credential: str = field(default="viber:lab-callback", repr=False)
    """``user:password`` of the Basic header on every call to a webhook."""

    templates: Mapping[str, str] = field(default_factory=dict)
    """Viber templates held from the start: templateId to body with ``{{name}}``."""
    diia_templates: Mapping[str, str] = field(default_factory=dict)
    """Diia templates held from the start: templateId to fullText with ``{key}``."""

    callback_batch_max: int = 20
    callback_connections: int = 2
    """Webhook calls under way at once to one address; few, so that reports gather into batches under load."""
    callback_retry_s: float = 1.0
    """The n-th repetition of a refused webhook call waits this times 1 + n * n (Infobip says one minute)."""
    callback_retries_max: int = 6

    diia_token_life_s: float = 7200.0
    diia_scopes: frozenset[str] = DIIA_SCOPES
    diia_paths: DiiaPaths = DiiaPaths.DDM
    diia_unknown_has_app: bool = False
    """A tax number that no phone carries gets a handset of its own instead of ``not-found``."""

    latency_ms: tuple[int, int] = (50, 300)
    """Latency of phones made on first use."""
    seed: int = 1
    """Of latencies and of whatever else is not a fault's own."""
    journal: Path | None = None
    history_max: int | None = None
    """Most messages, submissions and provider records kept in memory; None keeps all."""
    caller_file: Path | None = None
    """JSON with ``base_url``, ``client_id`` and ``client_secret`` by which the played clinic calls the service; may be
    written later. None: the clinic is closed."""
    stop_on_stdin_eof: bool = False
    """For ``process.main``: end when the parent's end of stdin closes."""

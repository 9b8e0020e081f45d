"""What becomes of each example of the papers: the tables in which somebody who adds a page finds their place.

What belongs here: tables. What does not: doing it (``session``, ``test_examples``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

LANGUAGES: Mapping[str, str] = {
    "sh": "run against a running service, or, when a row of ELSEWHERE says who runs it, its commands are looked up",
    "python": "run against a running service",
    "json": "read; must name its shape of the API: json shape=Problem, or shape=none when it is not ours",
    "toml": "read by the reader of such files: of providers, of issuers, of policies, else of settings",
    "yaml": "read",
    "ini": "read",
    "sql": "parsed by PostgreSQL's own parser",
    "csv": "given to the page's commands as rows.csv",
    "text": "what is shown; not run",
    "http": "what is shown; not run",
}
"""Every language that a block may have. Another one needs a row in TESTED_BY."""

TESTED_BY: Mapping[str, str] = {
    "docs/fhir.md": "tests/api/test_fhir_paper.py",
    "docs/install.md": "tests/install/test_page.py",
    "docs/migrating.md": "tests/cli/test_migrating.py",
    "docs/sdk.md": "tests/sdk/test_python_examples.py",
}
"""Pages all of whose blocks are run by a test of their own, which reads them from the page and names it."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Blocks that no machine of the tests can run as they are. ``begins``: their first words; ``by``: who runs it."""

    page: str
    begins: str
    by: str


ELSEWHERE = (
    Elsewhere("README.md", "make demo", "tests/docs/test_running.py"),
    Elsewhere("README.md", "make run", "tests/docs/conftest.py"),
    Elsewhere("docs/quick-start.md", "make run", "tests/docs/conftest.py"),
    Elsewhere("docs/adding-a-provider.md", ".venv/bin/python -m coverage", "scripts/test.sh"),
    Elsewhere("docs/adding-a-provider.md", ".venv/bin/python -m pytest", "scripts/test.sh"),
    Elsewhere("docs/adding-a-provider.md", "sh scripts/test.sh static", "scripts/test.sh"),
    Elsewhere("docs/backup.md", "pg_basebackup", "tests/restore"),
    Elsewhere("docs/deployment.md", "apt-get install", "tests/deploy/test_units.py"),
    Elsewhere("docs/deployment.md", "docker build", "tests/deploy/test_compose.py"),
    Elsewhere("docs/deployment.md", "kubectl create", "tests/deploy/test_chart.py"),
    Elsewhere("docs/failover.md", "make cluster", "tests/cluster"),
    Elsewhere("docs/fuzzing.md", "make fuzz", "tests/fuzz"),
    Elsewhere("docs/observability.md", "esoz-notify drill", "tests/drill/test_drill.py"),
    Elsewhere("docs/performance.md", "make bench", "tests/bench"),
    Elsewhere("docs/scale.md", ".venv/bin/esoz-notify bench", "tests/bench/test_scale.py"),
    Elsewhere("docs/security-at-rest.md", "esoz-notify keys new", "tests/store/test_key_sources.py"),
    Elsewhere("docs/security-at-rest.md", "esoz-notify keys retire", "tests/engine/test_rotation.py"),
    Elsewhere("docs/security-callers.md", "curl --cert", "tests/api/test_tls.py"),
    Elsewhere("docs/security-supply-chain.md", "mkdir /srv", "tests/supply/test_read_only.py"),
)

OUTSIDE = {
    "age": "any program that opens what a KMS sealed",
    "apt-get": "Debian",
    "cd": "the shell",
    "chmod": "the shell",
    "chown": "the shell",
    "cp": "the shell",
    "curl": "Debian",
    "date": "coreutils",
    "docker": "compose",
    "export": "the shell",
    "git": "Debian",
    "helm": "Kubernetes",
    "install": "coreutils",
    "kubectl": "Kubernetes",
    "mkdir": "the shell",
    "openssl": "Debian",
    "pg_basebackup": "PostgreSQL",
    "pg_verifybackup": "PostgreSQL",
    "pip": "Python",
    "printf": "the shell",
    "python3": "Python",
    "sudo": "Debian",
    "systemctl": "systemd",
}
"""Programs of others that blocks of ELSEWHERE may call, and whose they are."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a page takes for granted when its blocks are run, in order, in a folder of their own.

    ``before`` and ``after``: commands that make ready and put right again. ``files``: by name, each a text, or the
    language of the page's block that it is. ``instead``: what a reader would put in the place of a text; TOMORROW and
    CODE are known by the reader alone. ``answers``: typed at prompts.
    """

    before: str = ""
    after: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    instead: Mapping[str, str] = field(default_factory=dict)
    answers: str = ""


_ORDERS = """\
{"kind": "referral_issued", "recipient": {"phone": "+380000000001"}, "data": {"request_number": "0123-4567-89AB-CEIK"}}
{"kind": "referral_issued", "recipient": {"phone": "+380000000002"}, "data": {"request_number": "0123-4567-89AB-CEIK"}}
"""
_PATIENT = """\
curl -X PUT "$API/v1/patients/0198c0de-0000-7000-8000-000000000001" -H "Authorization: Bearer $TOKEN" \
  -H 'Content-Type: application/json' -d '{"birth_date": "1950-05-01",
    "authentication_methods": [{"id": "m1", "type": "OTP", "phone_number": "+380000000001"}]}'
"""
_CALLER = """\
esoz-notify clients create mis-1 --name "Hospital 1" --scope notifications:read
"""
_PERSON = """\
esoz-notify operators add o.koval --name "Оксана Коваль" --system mis-1
"""
_ANOTHER = """\
SHOWN=$(esoz-notify clients create mis-1 --name "Another" --scope operations:write --json)
SECRET=$(echo "$SHOWN" | grep -o 'esoz_sk_[A-Za-z0-9_-]*')
TOKEN_OF_ANOTHER=$(curl -u "mis-1:$SECRET" -d grant_type=client_credentials "$API/oauth/token" | grep -o 'ey[^"]*')
"""
_SIGN_ON = """\
ESOZ_NOTIFY_PUBLIC_URL=https://notify.example
ESOZ_NOTIFY_OIDC_ISSUER=https://sign-in.example
ESOZ_NOTIFY_OIDC_CLIENT_ID=notify
ESOZ_NOTIFY_OIDC_CLIENT_SECRET=secret
"""
_RESUME = """\
curl -X POST "$API/v1/operations/providers/smsc-a/resume" -H "Authorization: Bearer $TOKEN" \
  -H 'Content-Type: application/json' -d '{"reason": "over"}'
"""
_WITHDRAW = """\
curl -X POST "$API/v1/operations/crisis/$ID/withdraw" -H "Authorization: Bearer $TOKEN_OF_ONE" \
  -H 'Content-Type: application/json' -d '{"reason": "over"}'
"""

STAGES: Mapping[str, Stage] = {
    "docs/api.md": Stage(files={"orders.ndjson": _ORDERS}, after=_RESUME),
    "docs/bulk.md": Stage(files={"rows.csv": "csv"}),
    "docs/crisis.md": Stage(before=_ANOTHER, instead={"2026-12-05T16:00:00Z": "TOMORROW"}, after=_WITHDRAW),
    "docs/doctors-page.md": Stage(before=_CALLER, answers="синій-кит-пливе-тихо-42\n" * 2),
    "docs/security-audit.md": Stage(instead={"/mnt/elsewhere/": ""}),
    "docs/security-people.md": Stage(before=_CALLER + _PERSON + _SIGN_ON),
    "docs/verifications.md": Stage(before=_PATIENT, instead={"4821": "CODE"}),
}
"""Stages that are not empty. ``o.koval`` and ``mis-1`` get a name of the page's own, so that pages share a service."""

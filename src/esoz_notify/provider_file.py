"""The file of further providers: what every table of it has, whatever its kind.

What belongs here: reading the file, and the fields that all kinds share. What does not: the fields of one kind
(``wiring_providers`` and ``channels``), how they hang together with other settings (``settings``).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from esoz_notify.core.callback_credentials import read_credential
from esoz_notify.core.channel import Channel
from esoz_notify.core.toml import read_toml
from esoz_notify.setting_values import read_authorities, read_path, read_url

CHANNELS = (Channel.VIBER, Channel.SMS)
"""Of which there may be several providers; Diia is one."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class FurtherProvider:
    """One table ``[[provider]]``. ``options``: the fields of its kind, unread.

    ``report_url``: where it tells what became of messages, if that is another address than ``url``.
    """

    name: str
    kind: str
    channel: Channel
    url: str
    report_url: str = ""
    ca_file: Path | None = None
    callback_credentials: tuple[str, ...] = field(default=(), repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)


def read_providers(text: str) -> tuple[FurtherProvider, ...]:
    """Providers of a TOML file, the preferred of a channel first; none without a file.

    The file holds keys of accounts. Raises ValueError naming the provider and the field, never a value.
    """
    path = read_path(text)
    if path is None:
        return ()
    with path.open("rb") as file:
        open_to_others = os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o007
        document = read_toml(file.read().decode())
    if open_to_others:
        raise ValueError(f"it holds keys and may be read by everybody: chmod 640 {path}")
    tables = document.pop("provider", None)
    if document or not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise ValueError("must be a TOML file of tables [[provider]], and nothing else")
    return tuple(_read_table(dict(table), number) for number, table in enumerate(tables, start=1))


def _read_table(table: dict[str, Any], number: int) -> FurtherProvider:
    name = table.pop("name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"[[provider]] {number}: name must be small Latin letters, digits and hyphens, at most 40")
    channel, credentials = _text(name, table, "channel"), table.pop("callback_credentials", [])
    if channel not in CHANNELS:
        raise ValueError(f"provider {name}: channel must be {' or '.join(CHANNELS)}")
    if not isinstance(credentials, list) or not all(isinstance(one, str) for one in credentials):
        raise ValueError(f'provider {name}: callback_credentials must be a list, as ["user:password"]')
    kind, url, report_url, ca_file = (_text(name, table, one) for one in ("kind", "url", "report_url", "ca_file"))
    try:
        for one in credentials:
            read_credential(one)
        return FurtherProvider(
            name=name,
            kind=kind,
            channel=Channel(channel),
            url=read_url(url),
            report_url=read_url(report_url),
            ca_file=read_authorities(ca_file),
            callback_credentials=tuple(credentials),
            options=table,
        )
    except ValueError as error:
        raise ValueError(f"provider {name}: {error}") from None


def _text(name: str, table: dict[str, Any], key: str) -> str:
    """A text of a table; only ``ca_file`` and ``report_url`` may be left out."""
    value = table.pop(key, "")
    if not isinstance(value, str) or (not value and key not in {"ca_file", "report_url"}):
        raise ValueError(f"provider {name}: {key} must be a text")
    return value

"""The lab of a bench as a process of its own: remembers only so much, and is quick to answer.

What belongs here: the settings of that lab. What does not: the lab.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import replace

from esoz_notify.lab.process import main
from esoz_notify.lab.settings import LabSettings

HISTORY_MAX = 400_000
"""Submissions, messages and provider records that the lab keeps: more than any scenario makes."""

LATENCY_MS = (5, 15)
"""How long a phone takes to show a message: short, so that what is measured is ours."""


def world_settings(*, templates: Mapping[str, str], ack_at_once: bool) -> LabSettings:
    """The lab that every scenario runs against. ``templates``: bodies of the Viber templates by name."""
    return LabSettings(
        smscs=tuple(replace(smsc, ack_at_once=ack_at_once) for smsc in LabSettings().smscs),
        templates=templates,
        latency_ms=LATENCY_MS,
        history_max=HISTORY_MAX,
        diia_unknown_has_app=True,
        stop_on_stdin_eof=True,
    )


if __name__ == "__main__":
    main(world_settings(**json.loads(sys.argv[1])))

"""The lab as a command, as a child process of ``up --lab``, and as settings that point to it.

What belongs here: starting the lab. What does not: the lab (``esoz_notify.lab``), the product (``serve``).
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from esoz_notify.cli.needs import demand_lab
from esoz_notify.core.errors import ConfigError
from esoz_notify.installation import read_texts
from esoz_notify.setting_values import Smsc
from esoz_notify.settings import Settings

CALLER_FILE = "dev-client.json"
"""In the data folder: how a developer, and the lab's clinic, call the service."""


def lab(  # noqa: PLR0913 - options of a command line
    context: typer.Context,
    *,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port of the phone wall; 0 takes a free one.")] = 8090,
    smsc_a_port: Annotated[int, typer.Option(help="SMPP port of the first SMSC.")] = 0,
    smsc_b_port: Annotated[int, typer.Option(help="SMPP port of the second SMSC.")] = 0,
    smsc_binds: Annotated[int, typer.Option(help="Binds that each SMSC allows the account.")] = 16,
    journal: Annotated[Path | None, typer.Option(help="File that remembers the world over restarts.")] = None,
    callback_credential: Annotated[
        str, typer.Option(help="user:password on calls to webhooks.")
    ] = "viber:lab-callback",
    caller_file: Annotated[
        Path | None, typer.Option(help="dev-client.json of a running service: opens the clinic on the wall.")
    ] = None,
    stop_on_stdin_eof: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Play the world outside: Viber, two operators' SMSCs, Diia, everybody's phones.

    Example: esoz-notify lab --port 8090
    """
    demand_lab()
    from esoz_notify.lab.process import main
    from esoz_notify.lab.settings import SMSC_A, SMSC_B, LabSettings, SmscSettings

    texts = read_texts(context.obj)
    main(
        LabSettings(
            host=host,
            port=port,
            smscs=(
                SmscSettings(name=SMSC_A, port=smsc_a_port, bind_limit=smsc_binds),
                SmscSettings(name=SMSC_B, port=smsc_b_port, bind_limit=smsc_binds),
            ),
            templates=texts.viber_templates(),
            callback_credential=callback_credential,
            journal=journal,
            caller_file=caller_file,
            stop_on_stdin_eof=stop_on_stdin_eof,
        )
    )


@contextmanager
def lab_process(settings: Settings, folder: Path, port: int) -> Iterator[tuple[Settings, dict[str, Any]]]:
    """A lab as a child process that dies with us; the settings then point to it."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "esoz_notify.cli", "lab", "--port", str(port), "--stop-on-stdin-eof"]
    command += ["--host", "127.0.0.1", "--journal", str(folder / "lab.ndjson")]
    command += ["--caller-file", str(folder / CALLER_FILE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            urls = _await_lab(process)
            yield lab_settings(settings, urls, read_texts(settings).viber_templates()), urls
        finally:
            process.terminate()


def lab_settings(settings: Settings, urls: dict[str, Any], template_names: Iterable[str]) -> Settings:
    """Settings whose providers are the lab's."""
    from esoz_notify.lab.settings import LabSettings, SmscSettings

    defaults, smsc = LabSettings(), SmscSettings(name="any")
    return replace(
        settings,
        viber_url=urls["viber_url"],
        viber_api_key=defaults.viber_api_key,
        viber_templates={name: name for name in template_names},
        viber_callback_credentials=(defaults.callback_credential,),
        diia_url=urls["diia_url"],
        diia_partner_token=defaults.diia_partner_token,
        smscs=tuple(
            Smsc(name=name, host=host, port=port, system_id=smsc.system_id, password=smsc.password, window_size=50)
            for name, (host, port) in urls["smsc"].items()
        ),
    )


def _await_lab(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith("ready "):
        raise ConfigError("the lab did not start; run  esoz-notify lab  to see why (a port in use?)")
    urls: dict[str, Any] = json.loads(line.removeprefix("ready "))
    return urls

"""A provider whose TLS certificate is over or a stranger's: it is named, others take over, and it comes back."""

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.faults.whole import Whole, a_whole
from tests.security.certificates import DAY, Authority, authority, serving

from esoz_notify.lab.settings import SMSC_A, SMSC_B, LabSettings, SmscSettings
from esoz_notify.settings import Settings, environment_for_child

CODE: dict[str, Any] = {"kind": "confirmation_code", "data": {"verification_code": "5193"}}

WRONG = ["expired", "unknown"]
SAID = {"expired": "certificate has expired", "unknown": "unable to get local issuer certificate"}


@pytest.fixture(name="trusted")
def make_trusted(tmp_path: Path) -> Authority:
    """The authority that the product trusts."""
    return authority(tmp_path, "trusted")


def bad_certificate(wrong: str, trusted: Authority) -> Path:
    """A certificate that must be refused: over since yesterday, or by an authority that nobody knows."""
    if wrong == "expired":
        return trusted.issue("old", until=datetime.now(UTC) - DAY)
    return authority(trusted.folder, "stranger").issue("new", until=datetime.now(UTC) + DAY)


@pytest.mark.parametrize("wrong", WRONG)
async def test_an_operator_with_a_bad_certificate(
    wrong: str, trusted: Authority, ledger_dsn: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An SMSC over TLS: state and log say what is wrong, the other operator sends, and a new certificate mends it."""
    context = serving(bad_certificate(wrong, trusted))
    lab = LabSettings(
        latency_ms=(5, 20), smscs=(SmscSettings(name=SMSC_A, ssl_context=context), SmscSettings(name=SMSC_B))
    )

    def over_tls(settings: Settings) -> Settings:
        first, second = settings.smscs
        return replace(settings, smscs=(replace(first, tls=True, ca_file=trusted.path), second))

    async with a_whole(ledger_dsn, tmp_path, lab=lab, change=over_tls) as whole:
        link = whole.product.links[0]
        async with asyncio.timeout(10):
            while not link.last_error or not whole.product.links[1].is_up:
                await asyncio.sleep(0.02)
        await whole.phone(1, viber=False)
        view = await whole.until(await whole.send(1, "1", **CODE))
        state, said = whole.product.provider_states()[SMSC_A], link.last_error

        context.load_cert_chain(trusted.issue("renewed", until=datetime.now(UTC) + DAY))
        async with asyncio.timeout(60):
            while not link.is_up:
                await asyncio.sleep(0.05)
        again = await whole.until(await whole.send(1, "2", **CODE))

        assert view["attempts"][-1]["provider"] == SMSC_B
        assert state == "down"
        assert SAID[wrong] in said
        assert SAID[wrong] in caplog.text
        assert again["attempts"][-1]["provider"] == SMSC_A


@asynccontextmanager
async def tls_front(context: ssl.SSLContext, target_port: int) -> AsyncIterator[str]:
    """TLS before a port that speaks none; gives its URL."""
    pipes: set[asyncio.Task[None]] = set()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", target_port)
        for task in (pipe(reader, back_writer), pipe(back_reader, writer)):
            running = asyncio.create_task(task)
            pipes.add(running)
            running.add_done_callback(pipes.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(pipes):
            task.cancel()
        await asyncio.gather(*pipes, return_exceptions=True)


@asynccontextmanager
async def worker_process(whole: Whole, dsn: str, viber_url: str, ca: Path, folder: Path) -> AsyncIterator[Path]:
    """A worker that trusts this authority, as one that is started with SSL_CERT_FILE; gives the file of its log."""
    settings = whole.product.settings
    templates = folder / "templates.toml"
    templates.write_text("".join(f'"{name}" = "{one}"\n' for name, one in settings.viber_templates.items()))
    smscs = [f"smpp://{one.system_id}:{one.password}@{one.host}:{one.port}?name={one.name}" for one in settings.smscs]
    environment = environment_for_child(
        dsn=dsn,
        data=str(folder),
        policies_file=str(settings.policies_file),
        public_url=settings.public_url,
        viber_url=viber_url,
        viber_api_key=settings.viber_api_key,
        viber_templates=str(templates),
        smscs=" ".join(smscs),
    )
    log = folder / "worker.log"
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "esoz_notify.cli", "worker"),
            env=environment | {"SSL_CERT_FILE": str(ca)},
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            line = await process.stdout.readline()
        assert line.startswith(b"ready worker"), log.read_text()
        yield log
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@pytest.mark.parametrize("wrong", WRONG)
async def test_an_aggregator_with_a_bad_certificate(
    wrong: str, trusted: Authority, ledger_dsn: str, tmp_path: Path
) -> None:
    """Viber's API over TLS: the log says what is wrong, SMS takes over, and a new certificate mends it."""
    context = serving(bad_certificate(wrong, trusted))
    async with a_whole(ledger_dsn, tmp_path, window_s=3, worker=False) as whole:
        port = urlsplit(whole.product.settings.viber_url).port
        assert port is not None
        async with (
            tls_front(context, port) as viber_url,
            worker_process(whole, ledger_dsn, viber_url, trusted.path, tmp_path) as log,
        ):
            view = await whole.until(await whole.send(1, "1", **CODE))
            said = log.read_text()
            context.load_cert_chain(trusted.issue("renewed", until=datetime.now(UTC) + DAY))
            again = await whole.until(await whole.send(2, "2", **CODE))

        tried = [(one["channel"], one["outcome"], one["reason"]) for one in view["attempts"]]
        assert tried == [("viber", "failed", "unreachable"), ("sms", "delivered", None)]
        assert SAID[wrong] in said
        assert [one["channel"] for one in again["attempts"]] == ["viber"]
        assert os.fspath(tmp_path) not in said

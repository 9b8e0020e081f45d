"""Where else than from a plain file the keys document may come: the environment, or a command that opens a sealed one.

What belongs here: fetching the document. What does not: what is in it (``vault``), which source is asked (``wiring``).
"""

import base64
import binascii
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from esoz_notify.core.errors import ConfigError
from esoz_notify.store.vault import Keys, parse_keys

COMMAND_LIMIT_S = 30.0
_DOCUMENT_BYTES_MAX = 1024 * 1024


def keys_of_text(text: str) -> Keys:
    """The keys document in base64, as the environment holds it. Raises ConfigError."""
    try:
        document = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(
            "the setting with the keys is not base64: make it by  esoz-notify keys new | base64 -w0"
        ) from None
    return parse_keys(document, "the setting with the keys", "give it the base64 of a whole keys document")


def keys_of_command(
    command: Sequence[str], sealed: Path, environment: Mapping[str, str], limit_s: float = COMMAND_LIMIT_S
) -> Keys:
    """Give a command the sealed document on its standard input, and read the opened one from its standard output.

    No shell is involved. What the command says on its standard error is dropped, and nothing that it says is told on:
    it may hold keys. Raises ConfigError when it cannot be run, fails, takes too long or gives no keys document.
    """
    name = command[0]
    try:
        document = sealed.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the sealed keys file {sealed}, which the keys command opens, cannot be read: {error.strerror or error}"
        ) from None
    try:
        done = subprocess.run(
            list(command),
            input=document,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            timeout=limit_s,
            check=False,
        )
    except OSError as error:
        raise ConfigError(f"the keys command {name} cannot be run: {error.strerror or type(error).__name__}") from None
    except subprocess.TimeoutExpired:
        raise ConfigError(f"the keys command {name} gave no answer within {limit_s:g} s and was ended") from None
    if done.returncode != 0:
        raise ConfigError(
            f"the keys command {name} ended with code {done.returncode}; run it by hand with {sealed} on its standard "
            "input to see why"
        )
    if len(done.stdout) > _DOCUMENT_BYTES_MAX:
        raise ConfigError(f"the keys command {name} gave more than a keys document")
    fix = f"it must print what  esoz-notify keys new  printed before it was sealed into {sealed}"
    return parse_keys(done.stdout, f"what the keys command {name} gave", fix)

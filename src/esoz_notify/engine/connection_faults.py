"""What is said of a connection that could not be made: for a log line, a health page and the doctor.

What belongs here: naming the fault so that a person knows what to mend. What does not: addresses, and what follows.
"""

import ssl

import aiohttp

from esoz_notify.engine.outgoing import RefusedAddress


def fault_text(error: BaseException) -> str:
    """The kind of an error, why a certificate is refused (expired, self-signed, of another host), or an address."""
    at_socket = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(at_socket, RefusedAddress):
        return f"refused address: {at_socket}"
    inner = error.certificate_error if isinstance(error, aiohttp.ClientConnectorCertificateError) else error
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"{type(error).__name__}: {inner.verify_message}"
    return type(error).__name__

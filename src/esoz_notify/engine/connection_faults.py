"""What is said of a connection that could not be made: for a log line, a health page and the doctor.

What belongs here: naming the fault so that a person knows what to mend. What does not: addresses, and what follows.
"""

import ssl

import aiohttp


def fault_text(error: BaseException) -> str:
    """The kind of an error and, of a refused certificate, why it is refused: expired, self-signed, of another host."""
    inner = error.certificate_error if isinstance(error, aiohttp.ClientConnectorCertificateError) else error
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"{type(error).__name__}: {inner.verify_message}"
    return type(error).__name__

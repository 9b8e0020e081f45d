"""Passkeys (WebAuthn): what a browser is asked, and whether what it brings back is good.

What belongs here: the questions and the checks, through py_webauthn. What does not: when one is asked for one
(``factors``), keeping challenges and keys (store).

A passkey is bound to the name by which people reach the pages, so there are none where that name is not set.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from esoz_notify.store.factors import PasskeyRow

RP_NAME = "ESOZ Notify"

_BAD = (WebAuthnException, ValueError, TypeError, KeyError)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the browser is asked, as JSON, and the challenge in it."""

    options: str
    challenge: bytes


@dataclass(frozen=True, slots=True)
class Made:
    """A passkey that was made."""

    id: bytes
    public_key: bytes
    sign_count: int


@dataclass(frozen=True, slots=True)
class Site:
    """Whose passkeys they are. ``origin``: of the pages, such as ``https://notify.example``."""

    origin: str

    @property
    def rp_id(self) -> str:
        """The host, to which browsers bind passkeys."""
        return urlsplit(self.origin).hostname or ""

    def ask_to_make(self, user_id: bytes, login: str, name: str, known: Sequence[PasskeyRow]) -> Asked:
        """Have a browser make a passkey, on no device that has one already."""
        options = webauthn.generate_registration_options(
            rp_id=self.rp_id,
            rp_name=RP_NAME,
            user_id=user_id,
            user_name=login,
            user_display_name=name,
            exclude_credentials=[PublicKeyCredentialDescriptor(id=one.id) for one in known],
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
        )
        return Asked(webauthn.options_to_json(options), options.challenge)

    def made(self, credential: str, challenge: bytes) -> Made | None:
        """The passkey that a browser made; None when what it brought is not good."""
        try:
            checked = webauthn.verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self.origin,
                require_user_verification=True,
            )
        except _BAD:
            return None
        return Made(checked.credential_id, checked.credential_public_key, checked.sign_count)

    def ask_to_sign(self, known: Sequence[PasskeyRow]) -> Asked:
        """Have a browser sign by one of these."""
        options = webauthn.generate_authentication_options(
            rp_id=self.rp_id,
            allow_credentials=[PublicKeyCredentialDescriptor(id=one.id) for one in known],
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return Asked(webauthn.options_to_json(options), options.challenge)

    def signed(self, credential: str, challenge: bytes, known: Sequence[PasskeyRow]) -> Made | None:
        """By which of these was signed, with its new counter; None when it is not good.

        A counter that does not grow is of a copy of the key: not good either.
        """
        try:
            given: dict[str, Any] = json.loads(credential)
            key = next(one for one in known if one.id == base64url_to_bytes(given["id"]))
            checked = webauthn.verify_authentication_response(
                credential=given,
                expected_challenge=challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self.origin,
                credential_public_key=key.public_key,
                credential_current_sign_count=key.sign_count,
                require_user_verification=True,
            )
        except (*_BAD, StopIteration):
            return None
        return Made(key.id, key.public_key, checked.new_sign_count)


def site_of(public_url: str | None) -> Site | None:
    """The site of the pages; None where browsers offer no passkeys: without a name, or by http except on localhost."""
    parts = urlsplit(public_url or "")
    host = parts.hostname or ""
    secure = parts.scheme == "https" or (parts.scheme == "http" and host == "localhost")
    is_name = any(one.isalpha() for one in host) and ":" not in host
    return Site(f"{parts.scheme}://{parts.netloc}") if secure and is_name else None

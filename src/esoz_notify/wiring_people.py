"""By what people come in to the pages, from the settings.

What belongs here: building that. What does not: the rest of a process (``wiring``): a command about people needs none.
"""

from esoz_notify.engine.entrance import Entrance, entrance
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.oidc import Registration
from esoz_notify.engine.wording import Wording
from esoz_notify.settings import Settings
from esoz_notify.store.vault import Vault


def people_entrance(settings: Settings, ledger: Ledger, vault: Vault, wording: Wording | None = None) -> Entrance:
    """By what people come in to the pages."""
    oidc = None
    if settings.oidc_issuer:
        oidc = Registration(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret,
            redirect_uri=f"{settings.public_url.rstrip('/')}/sign-in/oidc/back",
            networks=settings.provider_networks,
        )
    return entrance(
        ledger,
        vault,
        texts_at=wording.at if wording is not None else None,
        public_url=settings.public_url,
        second_factor=settings.people_second_factor,
        oidc=oidc,
    )

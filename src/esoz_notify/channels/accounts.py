"""Rules that the accounts of several providers share, and the errors that name the field.

What belongs here: checks of what an operator has written. What does not: which fields a provider has.
"""

from esoz_notify.core.errors import ConfigError


def check_texts(account: object, name: str, *fields: str) -> None:
    """Raises ConfigError naming the first of the ``fields`` that says nothing, or holds what cannot be printed."""
    for field in fields:
        value: str = getattr(account, field)
        if not value.strip() or not value.isprintable():
            raise ConfigError(f"{name}: {field} must be non-empty printable text; set it in the settings")

"""A desk, as the API's own tests have it."""

from tests.api.conftest import desk

__all__ = ["desk"]

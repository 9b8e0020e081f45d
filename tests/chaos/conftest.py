"""Registers this folder's marker, so that the crash test can be chosen or left out by name."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Tell pytest what the marker means."""
    config.addinivalue_line("markers", "chaos: kills real processes for a minute or two; leave out with -m 'not chaos'")

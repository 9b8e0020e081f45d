"""Says at the end of a run how much was met in the played worlds."""

from collections import Counter

import pytest

SAID = ("worlds", "notifications", "attempts", "crashes", "pauses past the lease", "calls", "receipts applied")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add up what the tests of worlds met, in whichever process they ran."""
    met: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        for name, tally in report.user_properties:
            if name == "world" and isinstance(tally, dict):
                met.update(tally)
    if met:
        terminalreporter.write_line("played: " + ", ".join(f"{met[what]:,} {what}" for what in SAID))

"""Pages drawn from the code's tables say what the code says."""

import subprocess
import sys

from tests.architecture import house


def test_generated_pages_are_fresh() -> None:
    """The pages in docs are those that the code's tables make now; when not, run scripts/generate_docs.py."""
    command = [sys.executable, str(house.ROOT / "scripts" / "generate_docs.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

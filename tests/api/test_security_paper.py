"""The paper for callers' developers: its examples run as they stand there."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path

from tests.api.desk import Desk

PAPER = Path(__file__).parents[2] / "docs" / "security-callers.md"


async def _run(folder: Path, name: str, **environment: str) -> str:
    code = re.search(rf"```python\n(# {re.escape(name)}\n.*?)```", PAPER.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code[1], cwd=folder, env=os.environ | environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await running.communicate()
    assert running.returncode == 0
    return out.decode()


async def test_a_developer_gets_a_token_by_the_paper(desk: Desk, tmp_path: Path) -> None:
    """A key is made, its public half registered, an assertion signed, and a call answered."""
    key_set = json.loads(await _run(tmp_path, "make_key.py"))
    assert await desk.access.callers.set_keys("mis-1", key_set) == ("2026-11",)
    await desk.send()

    said = await _run(tmp_path, "get_token.py", NOTIFY_URL=desk.base_url, CLIENT_ID="mis-1")
    assert said == "1 notifications\n"

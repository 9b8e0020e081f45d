"""The examples of docs/sdk.md, as they stand there.

What does not belong here: what an example must come to (the tests beside).
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from tests.architecture import house

_PAGE = house.ROOT / "docs" / "sdk.md"
_HEADING_OR_CODE = re.compile(
    r"^#+ (?P<heading>[^\n]+)$|^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


def examples(language: str) -> Mapping[str, str]:
    """Each by the words of its heading, joined as names are."""
    found: dict[str, str] = {}
    heading = ""
    for match in _HEADING_OR_CODE.finditer(_PAGE.read_text("utf-8")):
        if match["heading"]:
            heading = re.sub(r"\W+", "_", match["heading"].lower()).strip("_")
        elif match["language"] == language:
            assert heading not in found, f"{heading}: one example under a heading, so that it has a name"
            found[heading] = match["code"]
    return MappingProxyType(found)

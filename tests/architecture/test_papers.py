"""What is written beside the code does not lag behind it: links, file names and locks.

What belongs here: checks of hand-written papers. What does not: generated documents, which ``make test`` makes anew and
compares.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.architecture import house

_FENCED = re.compile(r"```.*?```", re.DOTALL)
_CODE = re.compile(r"`([^`\n]*)`")
_OUR_FILE = re.compile(
    r"(src/esoz_notify|tests|scripts|requirements|core|channels|render|store|engine|api|lab)/[\w/.-]+\.\w+"
)


def _papers() -> Iterator[tuple[Path, str]]:
    for path in house.files(".md"):
        yield path, _FENCED.sub("", path.read_text("utf-8"))


def test_links_between_papers_resolve() -> None:
    """Every relative link of a markdown file leads to something in the checkout."""
    broken = []
    for path, text in _papers():
        for target in re.findall(r"\]\(<?([^)\s>]+)", _CODE.sub("", text)):
            file = target.partition("#")[0]
            if file and not re.match(r"[a-z][a-z0-9+.-]*:", file) and not (path.parent / file).exists():
                broken.append(f"{path.relative_to(house.ROOT)}: {target}")
    assert broken == [], "\n".join(broken)


def test_files_that_papers_name_exist() -> None:
    """A file named in backticks, from the root of the checkout or of the package, is there."""
    gone = []
    for path, text in _papers():
        named = (name for name in _CODE.findall(text) if _OUR_FILE.fullmatch(name))
        missing = (name for name in named if not any((root / name).exists() for root in (house.ROOT, house.SRC)))
        gone += [f"{path.relative_to(house.ROOT)}: {name}" for name in missing]
    assert gone == [], "\n".join(gone)


def test_there_is_a_readme() -> None:
    """Whoever comes finds a README that says something."""
    assert (house.ROOT / "README.md").read_text("utf-8").strip() != ""


def test_locks_hold_every_dependency() -> None:
    """What pyproject.toml asks for is pinned in requirements/; when it is not, run ``make lock``."""
    project = tomllib.loads((house.ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    served = [*project["dependencies"], *extras["lab"]]
    wanted = {"runtime": served, "dev": [*served, *extras["traces"], *extras["dev"]]}
    for lock, requirements in wanted.items():
        text = (house.ROOT / "requirements" / f"{lock}.txt").read_text("utf-8")
        pinned = set(re.findall(r"^([a-z0-9.-]+)==", text, flags=re.MULTILINE))
        asked = {re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-") for requirement in requirements}
        assert asked - pinned == set(), f"requirements/{lock}.txt is behind pyproject.toml"

"""Settings as texts: of the environment, of one TOML file under it, and of files that hold one secret each.

What belongs here: where the text of each setting comes from and what it is called there, so that an error can name the
place. What does not: which settings there are (``settings``), how a text becomes a value (``setting_values``).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from esoz_notify.core.toml import read_toml

DEFAULT_FILE = Path("/etc/esoz-notify/config.toml")
"""Read when it is there and no other file is named."""
_OF_FILE = "_file"
_SECRET_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Given:
    """The text of one setting, and what the place is called where it stands."""

    text: str = field(repr=False)
    place: str


@dataclass(frozen=True, slots=True)
class Source:
    """One place with settings: their texts by name, and what each is called there."""

    texts: Mapping[str, str] = field(repr=False)
    prefix: str = ""
    suffix: str = ""
    upper: bool = False

    def place(self, name: str) -> str:
        """What a setting is called there."""
        return f"{self.prefix}{name.upper() if self.upper else name}{self.suffix}"


def read_file(path: Path) -> Source:
    """Settings of a TOML file, by the names of the table without their prefix. Raises ValueError naming what is wrong.

    A list stands for its words with spaces between, a table for words NAME=VALUE, true and false for yes and no.
    """
    try:
        document = read_toml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        # Where it is wrong is told, and never the line itself: it may hold a secret.
        raise ValueError(f"{path} is not TOML: {error}") from None
    faults, texts = [], {}
    for name, value in document.items():
        try:
            texts[name] = _as_text(value)
        except ValueError as error:
            faults.append(f"{name} in {path}: {error}")
    if faults:
        raise ValueError("; ".join(faults))
    return Source(texts, suffix=f" in {path}")


def _as_text(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case int() | float():
            return str(value)
        case list():
            return " ".join(map(_word, value))
        case dict():
            return " ".join(f"{name}={_word(one)}" for name, one in value.items())
    raise ValueError("must be a text, a number, true or false, a list, or a table")


def _word(value: Any) -> str:
    text = _as_text(value) if not isinstance(value, list | dict) else ""
    if not text or any(map(str.isspace, text)):
        raise ValueError("each item must be a text without spaces, or a number")
    return text


def gather(
    sources: Collection[Source], names: Collection[str], secrets: Collection[str], faults: list[str]
) -> Iterator[tuple[str, Given]]:
    """The text of each setting that is given, of the first source that has it. What is wrong is added to ``faults``.

    A secret may be in a file of its own, which ``NAME_file`` names; not when that is a setting itself.
    """
    by_file = {name + _OF_FILE: name for name in secrets if name + _OF_FILE not in names}
    for source in sources:
        faults += (
            f"{source.place(name)} is not a setting{_nearest(name, source, {*names, *by_file})}"
            for name in source.texts
            if name not in names and name not in by_file
        )
        faults += (
            f"{source.place(name)} and {source.place(file)} are both given: leave one of them out"
            for file, name in by_file.items()
            if name in source.texts and file in source.texts
        )
    files = {name: file for file, name in by_file.items()}
    for name in names:
        file = files.get(name, name)
        found = next((one for one in sources if name in one.texts or file in one.texts), None)
        if found is None:
            continue
        if name in found.texts:
            yield name, Given(found.texts[name], found.place(name))
            continue
        try:
            yield name, Given(_secret(found.texts[file]), found.place(file))
        except ValueError as error:
            faults.append(f"{found.place(file)}: {error}")


def _secret(path: str) -> str:
    """What a file holds, without the line's end that editors put there. Raises ValueError, never with what it holds."""
    if not path:
        return ""
    try:
        with Path(path).expanduser().open("rb") as file:
            text = file.read(_SECRET_BYTES_MAX + 1).decode()
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text in UTF-8") from None
    if len(text) > _SECRET_BYTES_MAX:
        raise ValueError(f"{path} is longer than any secret")
    return text.strip()


def _nearest(name: str, source: Source, known: Collection[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {source.place(near[0])}?" if near else "; see docs/settings.md, or take it out"

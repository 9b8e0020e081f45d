"""The habits that keep the rooms honest, checked over every file of the checkout.

What belongs here: rules that a linter does not know, as rows of tables. What does not: who may import whom
(``test_imports``).
"""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.architecture import house

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 470


def _matching(find: Callable[[ast.Module], house.Found], pattern: str) -> Callable[[ast.Module], house.Found]:
    compiled = re.compile(pattern)
    return lambda module: ((line, what) for line, what in find(module) if compiled.search(what))


def _provider(name: str) -> Callable[[ast.Module], house.Found]:
    """Finds the name as a word of its own in identifiers and strings: smsc, SmscLink, SMSC_PORT, but not smscount."""
    word = re.compile(rf"(?<![A-Za-z])({name}|{name.capitalize()}|{name.upper()})(?![a-z])")

    def find(module: ast.Module) -> house.Found:
        words = (*house.names(module), *house.texts(module))
        return ((line, what[:40]) for line, what in words if word.search(what))

    return find


def _bare_except(module: ast.Module) -> house.Found:
    handlers = (node for node in ast.walk(module) if isinstance(node, ast.ExceptHandler))
    return ((node.lineno, "except:") for node in handlers if node.type is None)


def _naive_times(module: ast.Module) -> house.Found:
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            name, bare = house.dotted(node.func), not node.args and not node.keywords
            if name.endswith("utcnow") or (bare and name.endswith("datetime.now")):
                yield node.lineno, name


def _secretive_structs(module: ast.Module) -> house.Found:
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef) and any(house.dotted(base).endswith("Struct") for base in node.bases):
            own = {one.name for one in node.body if isinstance(one, ast.FunctionDef)}
            if "__repr__" in own:
                yield node.lineno, node.name


@dataclass(frozen=True)
class Rule:
    """A word that may stand only in some places under src. ``example``: a line that the rule must catch."""

    name: str
    find: Callable[[ast.Module], house.Found]
    only_in: tuple[str, ...]
    example: str
    why: str


_SQL = (
    r"\b(SELECT|INSERT INTO|UPDATE \S+ SET|DELETE FROM|CREATE (TABLE|INDEX|DATABASE)|ALTER TABLE|TRUNCATE)\b"
    r"|^\s*(select|insert into|delete from) "
)
_CLOCK = (
    r"(^|\.)(sleep|utcnow|monotonic|monotonic_ns|perf_counter|time_ns|urandom|uuid1|uuid4|uuid7)$"
    r"|^(datetime|dt|datetime\.datetime)\.now$|(^|\.)date\.today$|^time\.time$|^(random|secrets)\."
)
_PROVIDER_ROOMS = (
    *("wiring.py", "wiring_providers.py", "installation.py", "provider_file.py", "settings.py", "setting_values.py"),
    *("lab/", "cli/demo", "cli/lab", "cli/checks", "bench/", "drill/"),
)
_PROVIDERS = {
    "infobip": ("channels/infobip",),
    "turbosms": (
        "channels/turbosms",
        "api/compat_",
        "api/app.py",
        "api/contract_rows.py",
        "api/gate.py",
        "api/openapi.py",
        "engine/api_keys.py",
        "engine/callers.py",
        "console/words_callers.py",
    ),  # also the dialect that systems which move here from there speak, and its scope
    "vonage": ("channels/vonage",),
    "hyber": ("channels/hyber",),
    "smsc": (
        "channels/smsc",
        "channels/smpp",
        "engine/smpp",
        "wiring_smpp.py",
    ),  # also SMPP's own word for the other side
}

RULES = (
    Rule(
        name="sql",
        find=_matching(house.texts, _SQL),
        only_in=("store/",),
        example='QUERY = "SELECT 1"',
        why="SQL is the ledger's language: put the query into store and call it by name",
    ),
    Rule(
        name="clock and dice",
        find=_matching(house.calls, _CLOCK),
        # the embedded server is a process to wait for; the vault needs nonces that never come twice
        only_in=("engine/", "store/embedded", "store/vault.py", "lab/", "cli/", "bench/", "drill/", "wiring.py"),
        example="started = time.monotonic()",
        why="time, waiting, ids and chance come in as arguments; only the engine and what stands at the edge has them",
    ),
    Rule(
        name="network",
        find=_matching(house.imports, r"^(aiohttp|socket)$"),
        only_in=("engine/", "lab/", "client/", "cli/demo", "cli/checks", "bench/", "drill/"),
        example="import socket",
        why="only the engine's gateways, the lab and the client open connections",
    ),
    Rule(
        name="environment",
        find=_matching(house.names, r"^(environ|environb|getenv)$"),
        only_in=("settings.py",),
        example='os.environ["HOME"]',
        why="settings are read once, in one place, and handed on",
    ),
    *(
        Rule(
            name=f"provider {name}",
            find=_provider(name),
            only_in=(*files, *_PROVIDER_ROOMS),
            example=f'PREFERRED = "{name}"',
            why="a provider is an opaque word everywhere but in its own files, the registry, the wiring and the lab",
        )
        for name, files in _PROVIDERS.items()
    ),
    Rule(
        name="print",
        find=_matching(house.calls, r"^print$"),
        only_in=("cli/", "lab/process.py"),
        example='print("here")',
        why="standard output belongs to the command line",
    ),
    Rule(
        name="bare except",
        find=_bare_except,
        only_in=(),
        example="try: f()\nexcept: pass",
        why="name the errors that you can do something about",
    ),
    Rule(
        name="naive time",
        find=_naive_times,
        only_in=(),
        example="at = datetime.now()",
        why="every time is aware: datetime.now(UTC)",
    ),
    Rule(
        name="secretive struct",
        find=_secretive_structs,
        only_in=(),
        example="class Phone(Struct, frozen=True):\n    def __repr__(self): return '***'",
        why="rich asks a struct for its fields and not for its repr: what hides something is a frozen dataclass",
    ),
)

# Joined here so that this file does not hold what it looks for.
_HOSTS = "py_pi.org python_hosted.org npm_js.org npm_js.com js_delivr.net un_pkg.com crates_.io docker_.io golang_.org"
FORBIDDEN_TEXTS = {
    "TO" + "DO": "finish it, or write it down outside the code",
    "FIX" + "ME": "fix it",
    **dict.fromkeys(_HOSTS.replace("_", "").split(), "where packages come from is each machine's own configuration"),
    "shared/" + "design": "a private path means nothing to a reader",
    "/work/" + "shared": "a private path means nothing to a reader",
}


def _clean(found: list[str], rule: str) -> None:
    assert found == [], "\n".join([rule, *sorted(found)])


def _where(path: Path, line: int = 0) -> str:
    return f"{path.relative_to(house.ROOT)}:{line}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_words_stay_in_their_rooms(rule: Rule) -> None:
    """A word that belongs to some rooms is met in no other."""
    strangers = [
        f"{_where(path, line)}: {what!r}"
        for path in house.modules(house.SRC)
        if not path.relative_to(house.SRC).as_posix().startswith(rule.only_in or "-")
        for line, what in rule.find(house.tree(path))
    ]
    _clean(strangers, f"{rule.why} (may stand in: {', '.join(rule.only_in) or 'nowhere'})")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_bites(rule: Rule) -> None:
    """A rule that catches nothing would be kept by any code: each catches the example beside it."""
    assert list(rule.find(ast.parse(rule.example))) != []


def test_no_file_holds_forbidden_texts() -> None:
    """No file holds unfinished-work marks, a registry's address or a private path."""
    found = []
    for path in house.files():
        lines = path.read_bytes().decode("utf-8", errors="ignore").splitlines()
        for number, line in enumerate(lines, 1):
            found += [f"{_where(path, number)}: {text}: {why}" for text, why in FORBIDDEN_TEXTS.items() if text in line]
    _clean(found, "forbidden texts")


def test_modules_say_what_belongs_in_them() -> None:
    """Every module that holds code begins with a docstring."""
    trees = [(path, house.tree(path)) for path in house.modules(house.SRC)]
    silent = [_where(path) for path, tree in trees if tree.body and not ast.get_docstring(tree)]
    _clean(silent, "say in a docstring what belongs in the module and what does not")


def test_tests_state_their_rule() -> None:
    """Every test function has a docstring: the rule it proves."""
    silent = [
        f"{_where(path, function.lineno)}: {function.name}"
        for path in house.modules(house.ROOT / "tests")
        for function in house.functions(house.tree(path))
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    _clean(silent, "say in a docstring which rule the test proves")


def test_functions_fit_on_a_page() -> None:
    """No function is longer than FUNCTION_LINES_MAX lines."""
    long = []
    for path in house.modules():
        for function in house.functions(house.tree(path)):
            lines = (function.end_lineno or function.lineno) - function.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                long.append(f"{_where(path, function.lineno)}: {function.name} has {lines} lines")
    _clean(long, f"at most {FUNCTION_LINES_MAX} lines: give the parts names")


def test_files_are_short() -> None:
    """No source file is longer than FILE_LINES_MAX lines."""
    sizes = {path: len(path.read_text("utf-8").splitlines()) for path in house.modules(house.SRC)}
    long = [f"{_where(path)} has {size} lines" for path, size in sizes.items() if size > FILE_LINES_MAX]
    _clean(long, f"at most {FILE_LINES_MAX} lines: there are two subjects in it")

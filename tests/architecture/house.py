"""Finds the house's files and what stands in them, for the tests beside. The rules themselves are in the tests."""

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "esoz_notify"
_NOT_OURS = {".venv", ".git", "__pycache__", "build", "dist", "node_modules", "demo-data"}

Found = Iterator[tuple[int, str]]
"""Line number and what was seen there."""


@cache
def files(*suffixes: str) -> tuple[Path, ...]:
    """Every file of the checkout with one of these suffixes (all without any), caches and environments left out."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in _NOT_OURS and not name.endswith(("_cache", ".egg-info"))]
        folders[:] = [name for name in folders if name != ".hypothesis"]
        found += [Path(folder, name) for name in names if not name.startswith(".coverage")]
    return tuple(sorted(path for path in found if not suffixes or path.suffix in suffixes))


def modules(folder: Path = ROOT) -> tuple[Path, ...]:
    """Every Python file under ``folder``."""
    return tuple(path for path in files(".py") if folder in path.parents)


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a module, parsed once in a process."""
    return ast.parse(path.read_text("utf-8"))


def texts(module: ast.Module) -> Found:
    """String constants, docstrings left out: they are prose."""
    prose = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


def names(module: ast.Module) -> Found:
    """Every identifier: names, attributes, arguments, definitions, imported modules and keywords."""
    for node in ast.walk(module):
        line = getattr(node, "lineno", 0)
        for field in ("id", "attr", "arg", "name", "asname", "module"):
            if isinstance(name := getattr(node, field, None), str):
                yield line, name


def calls(module: ast.Module) -> Found:
    """What is called, dotted as it is written: ``datetime.now``, ``sleep``."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            yield node.lineno, dotted(node.func)


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of a chain of attributes; what is no name on the way is left out."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}".removeprefix(".")
    return node.id if isinstance(node, ast.Name) else ""


def imports(module: ast.Module) -> Found:
    """The first part of every imported module's name."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, (node.module or "").split(".")[0]


def functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function, methods and nested ones included."""
    return (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))

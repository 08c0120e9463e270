#!/usr/bin/env python3
"""Writes ``docs/constants.md``: every numeric constant of the package, its value and where it comes from.

A constant's text is its docstring or the comment beside it. From the words "our own choice", "measured:", "given by" or
"taken from" on, the text says where the value comes from; what stands before says what it is. Versions, which count how
often values have changed, are left out.
"""

from __future__ import annotations

import ast
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "constants.md"

SOURCES = re.compile(r"\b(our own choice\b|measured:|given by\b|taken from\b)", re.IGNORECASE)
_VERSIONS = re.compile(r"_?([A-Z]+_)?VERSION")
_MAX_VALUE = 60
_ARRAYS = ("array", "linspace", "range")
_HEAD = """# Constants

Written by `python scripts/list_constants.py`; a test fails where it is out of date. Limits of the rules, and all that a
user sets, are in the config (`configs/default.yaml`, `mmcheck config show`). This page lists the other numbers in the
code: what each is, and where it comes from.

- *Given by* a format, a standard, a model or a definition: another value would be wrong.
- *Taken from* a paper or another program.
- *Measured*: chosen by trials, whose outcome is given beside it, in `docs/quality.md` or in `docs/benchmarks.md`.
- *Our own choice*: a judgement, with its reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """One assignment of numbers at the top of a module."""

    file: str
    """Path from the repository's root."""
    names: str
    """The name, or the names of several that are given together."""
    value: str
    """As the code writes it, shortened."""
    text: str
    """Docstring or comment; empty where there is none."""

    @property
    def meaning(self) -> str:
        """Return what it is: the text up to where it says its source."""
        found = SOURCES.search(self.text)
        return _sentence(self.text[: found.start()] if found else self.text)

    @property
    def source(self) -> str:
        """Return where the value comes from; empty where the text does not say."""
        found = SOURCES.search(self.text)
        return _sentence(self.text[found.start() :]) if found else ""


def find_constants(root: Path = ROOT) -> list[Constant]:
    """Return the numeric constants of all modules of the package, in the order of the files."""
    files = sorted((root / "mmcheck").rglob("*.py"))
    return [found for file in files for found in read_constants(file.read_text("utf-8"), str(file.relative_to(root)))]


def read_constants(code: str, file: str) -> Iterator[Constant]:
    """Yield the numeric constants at the top of one module.

    Args:
        code: Its source text.
        file: Its path, as listed.
    """
    body = ast.parse(code).body
    comments = _comments(code)
    for statement, after in pairwise([*body, ast.Pass()]):
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        names = ast.unparse(targets[0]).strip("()")
        if not _is_numeric(statement.value) or _VERSIONS.fullmatch(names):
            continue
        written = ast.get_source_segment(code, statement.value) or ""
        yield Constant(
            file=file,
            names=names,
            value=_shorten(" ".join(written.split())),
            text=_docstring(after) or _comment(comments, statement),
        )


def render() -> str:
    """Return the page."""
    lines = [_HEAD]
    package = ""
    for found in find_constants():
        folder = "/".join(found.file.split("/")[:-1])
        if folder != package:
            package = folder
            lines += [f"\n## {folder}/\n", "| name | value | what it is | where it comes from | file |"]
            lines += ["|---|---|---|---|---|"]
        cells = (f"`{found.names}`", f"`{found.value}`", found.meaning, found.source, found.file.rpartition("/")[2])
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _is_numeric(node: ast.expr) -> bool:
    """Return whether an expression is a number, or a collection of nothing but numbers, their names and keys."""
    numbers = 0
    for part in ast.walk(node):
        match part:
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=int() | float()):
                numbers += 1
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in _ARRAYS:
                pass
            case ast.Call() | ast.Subscript() | ast.Lambda() | ast.Compare() | ast.comprehension() | ast.JoinedStr():
                return False
            case ast.BinOp(left=ast.Constant(value=str() | bytes())):
                return False
    return numbers > 0


def _docstring(node: ast.stmt) -> str:
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return " ".join(text.split())
    return ""


def _comments(code: str) -> dict[int, tuple[int, str]]:
    """Return line -> column and text of the comment on it."""
    tokens = tokenize.tokenize(BytesIO(code.encode()).readline)
    return {
        token.start[0]: (token.start[1], token.string.lstrip("# "))
        for token in tokens
        if token.type == tokenize.COMMENT
    }


def _comment(comments: dict[int, tuple[int, str]], statement: ast.stmt) -> str:
    """Return the comment behind a statement, or else the lines of comment right above it."""
    last = statement.end_lineno or statement.lineno
    if last in comments:
        return comments[last][1]
    above: list[str] = []
    line = statement.lineno - 1
    while line in comments and comments[line][0] == 0:
        above.insert(0, comments[line][1])
        line -= 1
    return " ".join(above)


def _shorten(value: str) -> str:
    return value if len(value) <= _MAX_VALUE else value[: _MAX_VALUE - 4].rstrip() + " ..."


def _sentence(text: str) -> str:
    text = text.strip()
    text = text.rstrip(".,;: ")
    return text[:1].upper() + text[1:]


def main() -> None:
    """Write the page, or name the constants that say nothing of their source."""
    silent = [f"{found.file}: {found.names}" for found in find_constants() if not found.source]
    if silent:
        sys.exit("These constants do not say where they come from:\n  " + "\n  ".join(silent))
    PAGE.write_text(render(), "utf-8")


if __name__ == "__main__":
    main()

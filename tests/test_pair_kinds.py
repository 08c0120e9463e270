"""What names a kind of pair stands in docs/pair-kinds.md; everything else goes through ``PairKind``."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from mmcheck.core.pair_kinds import MEDIA, PAIR_KINDS, TEXTS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mmcheck"
PAGE = (ROOT / "docs" / "pair-kinds.md").read_text("utf-8")
NAMES = {
    *MEDIA,
    *TEXTS,
    *(kind.probe for kind in PAIR_KINDS),
    *(kind.medium_noun for kind in PAIR_KINDS),
    *(kind.media_noun for kind in PAIR_KINDS),
    *(kind.texts_noun for kind in PAIR_KINDS),
}
"""Words that stand for one kind: its columns, its probe, what people call its halves."""
CONSTANTS = {"IMAGE_CAPTION", "AUDIO_TRANSCRIPT"}
MOST_TOUCHED = 17
"""So many places are few still."""
FIELDS = ("core/types.py", "config/")
"""Places with a field for each kind, which no text names."""


def _named(code: str) -> set[str]:
    """Return the names of kinds in a module: whole texts, ``sample.caption``, and the kinds themselves."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Constant) and node.value in NAMES:
            found.add(str(node.value))
        elif isinstance(node, ast.Name) and node.id in CONSTANTS:
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and node.attr in {*MEDIA, *TEXTS} and _is_sample(node.value):
            found.add(f"sample.{node.attr}")
    return found


def _is_sample(node: ast.expr) -> bool:
    return getattr(node, "id", getattr(node, "attr", "")) in ("sample", "samples")


def _listed(heading: str) -> list[str]:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def _is_in(file: str, places: list[str]) -> bool:
    return any(file == place or (place.endswith("/") and file.startswith(place)) for place in places)


NAMING = {
    str(path.relative_to(PACKAGE)): names
    for path in sorted(PACKAGE.rglob("*.py"))
    if (names := _named(path.read_text("utf-8")))
}
TOUCHED, LEFT = _listed("What a third kind touches"), _listed("What it leaves as it is")


def test_no_other_file_names_a_kind() -> None:
    others = {file: names for file, names in NAMING.items() if not _is_in(file, [*TOUCHED, *LEFT])}
    assert others == {}, "ask PAIR_KINDS or KIND_OF for the name, or list the file in docs/pair-kinds.md"


@pytest.mark.parametrize("place", [*TOUCHED, *LEFT])
def test_what_is_listed_is_there(place: str) -> None:
    assert (PACKAGE / place).exists()
    assert place in FIELDS or any(_is_in(file, [place]) for file in NAMING), "it names no kind any more: take it off"


def test_the_list_is_short() -> None:
    assert len(TOUCHED) <= MOST_TOUCHED


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ('column = {"image": "caption"}[modality]', {"image", "caption"}),
        ("if kind is IMAGE_CAPTION: pass", {"IMAGE_CAPTION"}),
        ("text = sample.transcript", {"sample.transcript"}),
        ('"""The image and its caption."""\ntext = kind.text_of(sample)', set()),
    ],
)
def test_names_are_found(code: str, names: set[str]) -> None:
    assert _named(code) == names

"""The model card of a bundled model: the parts of it that a script renews, and the checksums of the weights."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_table(header: list[str], rows: list[list[str]]) -> str:
    """Returns a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def write_card(folder: Path, part: str, text: str) -> None:
    """Renews one marked part of the model card, if there is a card.

    Args:
        folder: The model folder that holds `README.md`.
        part: Name in the marker lines `<!-- part -->` and `<!-- /part -->`.
        text: What to put between them.
    """
    path = folder / "README.md"
    if not path.exists():
        return
    card = path.read_text(encoding="utf-8")
    opening, closing = f"<!-- {part} -->", f"<!-- /{part} -->"
    if opening not in card or closing not in card:
        return
    before, _, rest = card.partition(opening)
    after = rest.partition(closing)[2]
    path.write_text(f"{before}{opening}\n{text.strip()}\n{closing}{after}", encoding="utf-8")


def write_checksums(folder: Path, origin: str, names: Sequence[str]) -> None:
    """Renews the card's checksums of the weight files, and prints them.

    Args:
        folder: The exported model folder.
        origin: How long the weights were trained.
        names: The files.
    """
    digests = {name: sha256(folder / name) for name in names}
    rows = [[f"`{name}`", f"{(folder / name).stat().st_size:,}", f"`{digest}`"] for name, digest in digests.items()]
    write_card(folder, "checksums", f"{origin}\n\n" + make_table(["file", "bytes", "sha256"], rows))
    print(f"{folder}: {origin}")
    for name, digest in digests.items():
        print(f"sha256 {digest}  {name}")

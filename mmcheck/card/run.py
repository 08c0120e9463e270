"""``mmcheck card``: describe a cleaned set from the run that made it."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from mmcheck.card.croissant import Publication, make_croissant
from mmcheck.card.data_files import list_data_files
from mmcheck.card.facts import gather_facts
from mmcheck.card.readme import make_card
from mmcheck.core.atomic import write_text
from mmcheck.core.errors import OutputError
from mmcheck.core.types import Action
from mmcheck.store.run_folder import RunFolder

CROISSANT_NAME, CARD_NAME = "croissant.json", "README.md"
_ASKED = ("license", "url", "creator", "published")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenCard:
    """What was written."""

    croissant: Path
    card: Path
    num_files: int
    """Files of the set that are described."""
    lacking: tuple[str, ...]
    """What Croissant asks for and was not given."""


def write_cards(
    run: RunFolder,
    data: Path,
    out: Path,
    publication: Publication,
    *,
    verdicts: Collection[Action] = (Action.KEEP,),
    overwrite: bool = False,
) -> WrittenCard:
    """Write croissant.json and README.md for a cleaned set.

    Args:
        run: The judged run that the set comes from.
        data: Folder of the set: ``clean/`` of the run, or an export.
        out: Folder that is written to, made if it is not there.
        publication: What the publisher says.
        verdicts: Verdicts whose rows the set holds.
        overwrite: Whether files of these names are replaced.

    Raises:
        OutputError: If there is no set, or the files are there already or cannot be written.
        RunError: If the run was not judged, or is damaged.
    """
    files = list_data_files(data)
    croissant, card = out / CROISSANT_NAME, out / CARD_NAME
    there = [path.name for path in (croissant, card) if path.exists()]
    if there and not overwrite:
        raise OutputError(
            f"{out} has {' and '.join(there)} already.", hint="--overwrite replaces them; or choose another --out."
        )
    facts = gather_facts(run, verdicts)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make {out}: {error.strerror or error}.") from error
    told = make_croissant(facts, files, publication, out)
    write_text(croissant, json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    write_text(card, make_card(facts, files, publication, out))
    return WrittenCard(
        croissant=croissant,
        card=card,
        num_files=len(files),
        lacking=tuple(name for name in _ASKED if getattr(publication, name) is None),
    )

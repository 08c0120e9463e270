"""Layouts that people have and that are not read as they are: each is named when met, with a way to read it now.

Told by names and by the first bytes; nothing is read whole.
"""

from __future__ import annotations

import posixpath
import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from mmcheck.core.errors import ManifestError
from mmcheck.formats.hf_splits import find_split_names
from mmcheck.formats.jsonl import first_objects
from mmcheck.formats.paths import folder_of, is_folder, walk_files
from mmcheck.formats.text_source import looks_binary, read_head

_NAMES = 4096  # file names looked at to know a layout; our own choice: quick in folders of millions
_ROWS = 8  # rows looked at to know a layout; our own choice: quick
_SCRIPT = (
    "jq -c '(.images | map({(.id|tostring): .file_name}) | add) as $f | .annotations[] | "
    "{image: $f[.image_id|tostring], caption}' IN.json > OUT.jsonl, beside the images."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A layout that was recognised."""

    name: str
    """Short name."""
    seen: str
    """What was seen, as a piece of a sentence: ``a COCO annotation file (...)``."""
    hint: str
    """How to read it now."""
    is_read: bool = False
    """Whether the rows are read all the same, only something of them is not."""


def find_layout(manifest: str) -> Layout | None:
    """Return the layout of a manifest, if it is one of those that are known but not read. Never raises."""
    with suppress(ManifestError, OSError, ValueError):
        if is_folder(manifest):
            return _of_folder(manifest, list(islice(walk_files(manifest), _NAMES)))
        return _of_file(manifest)
    return None


def _of_folder(folder: str, names: list[str]) -> Layout | None:
    top = {name for name in names if "/" not in name}
    metadata = [name for name in top if name.startswith("metadata.")]
    return _split_names(metadata[0], names) if metadata else None


def _split_names(metadata: str, names: list[str]) -> Layout | None:
    parts = find_split_names(names)
    if not parts:
        return None
    return Layout(
        name="split names",
        seen=f"a Hugging Face folder with one {metadata} above folders or files that are called like splits "
        f"({', '.join(parts)}): load_dataset treats those as splits and drops the columns of {metadata}",
        hint="rename them, put a metadata file into each of them, or train on what --write-media writes, which "
        "renames them.",
        is_read=True,
    )


def _of_file(manifest: str) -> Layout | None:
    base = posixpath.basename(manifest.rstrip("/")).lower()
    if base in ("metadata.jsonl", "metadata.csv", "metadata.parquet"):
        return _split_names(base, list(islice(walk_files(folder_of(manifest)), _NAMES)))
    head = read_head(manifest)
    if looks_binary(head):
        return None
    text = head.decode("utf-8", "replace").lstrip("\ufeff \r\n\t")
    if text.startswith(("{", "[")):
        for find in (_conversation_array,):
            if (found := find(text)) is not None:
                return found
        return _of_rows(manifest)
    return None


def _coco(text: str) -> Layout | None:
    if not text.startswith("{"):
        return None
    of_captions = re.search(r'"annotations"\s*:\s*\[\s*\{[^\]]*?"image_id"\s*:', text)
    of_images = re.search(r'"images"\s*:\s*\[\s*\{[^\]]*?"file_name"\s*:', text)
    if not of_captions and not (of_images and re.search(r'"(annotations|licenses|info)"\s*:', text)):
        return None
    return Layout(
        name="COCO",
        seen="a COCO annotation file (one JSON document with `images` and `annotations`)",
        hint=f"make it JSON Lines: {_SCRIPT}",
    )


def _karpathy(text: str) -> Layout | None:
    if not (
        text.startswith("{") and re.search(r'"images"\s*:\s*\[', text) and re.search(r'"sentences"\s*:\s*\[', text)
    ):
        return None
    return Layout(
        name="Karpathy",
        seen="a Karpathy split file (one JSON document with `images`, each with its `sentences`)",
        hint='make it JSON Lines: jq -c \'.images[] | {image: ([.filepath // empty, .filename] | join("/")), '
        "caption: [.sentences[].raw]}' IN.json > OUT.jsonl, beside the images.",
    )


def _conversation_array(text: str) -> Layout | None:
    if not text.startswith("[") or not re.search(r'"(conversations|messages)"\s*:\s*\[', text):
        return None
    found = _llava() if '"conversations"' in text else _messages()
    return Layout(
        name=found.name,
        seen=f"one JSON array of {found.seen.partition(' ')[2]}",
        hint=found.hint.replace("jq -c '", "jq -c '.[] | ").replace("IN.jsonl", "IN.json"),
    )


def _of_rows(manifest: str) -> Layout | None:
    rows = first_objects(manifest, "utf-8", _ROWS) or []
    for row in rows[:1]:
        if isinstance(row.get("conversations"), list):
            return _llava()
        if isinstance(row.get("messages"), list):
            return _messages()
        if any(isinstance(value, str) and "<__dj__" in value for value in row.values()):
            return Layout(
                name="Data-Juicer",
                seen="a Data-Juicer dataset, whose texts hold tokens such as <__dj__image> and <|__dj__eoc|>; they are "
                "judged as part of the text",
                hint="take them out: sed -E 's/ ?<\\|?__dj__[a-z]+\\|?> ?//g' IN.jsonl > OUT.jsonl",
                is_read=True,
            )
    return None


def _llava() -> Layout:
    return Layout(
        name="LLaVA",
        seen="a LLaVA or ShareGPT dataset (`conversations`), whose turns are not read as captions",
        hint="make captions of the answers: jq -c 'select(.image) | {id, image, caption: "
        '([.conversations[] | select(.from == "gpt") | .value][0])}\' IN.jsonl > OUT.jsonl, beside the images.',
        is_read=True,
    )


def _messages() -> Layout:
    return Layout(
        name="messages",
        seen="a chat dataset (`messages`, as for Qwen-VL and LLaMA-Factory), whose turns are not read as captions",
        hint="make captions of the answers: jq -c '{image: .images[0], caption: "
        '([.messages[] | select(.role == "assistant") | .content][0])}\' IN.jsonl > OUT.jsonl, beside the images.',
        is_read=True,
    )

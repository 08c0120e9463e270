"""Which models there are (bundled, and named by the presets), and how one is fetched ahead or tried.

Names are those of the config: a bundled name, a folder, a Whisper size, ``org/name`` of the hub, or an
open_clip architecture with its tag as ``ViT-B-32/laion2b_s34b_b79k``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mmcheck.backends.ctc_weights import find_second, is_ctc_folder
from mmcheck.backends.image_text_backend import load_image_text, resolve_image_text
from mmcheck.backends.image_text_weights import TRANSFORMERS_TYPES, read_json
from mmcheck.backends.weight_digests import remembered_digest
from mmcheck.backends.weights import (
    OnProgress,
    bundled_names,
    download,
    find_bundled,
    find_cached,
    is_repo_id,
    resolve_folder,
    unknown_model,
)
from mmcheck.config import PRESETS, load_config
from mmcheck.core.errors import ConfigError, WeightsError

Task = Literal["image_text", "transcript", "transcript_second"]

_LICENSE = re.compile(r"^\W*licen[cs]e\W*:\W*([A-Za-z0-9][\w.+-]*)", re.IGNORECASE | re.MULTILINE)
_SHA256 = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One model of the list."""

    name: str
    """What to write in a config or after ``mmcheck models pull``."""
    kind: Literal["bundled", "hub", "folder"]
    """Shipped with mmcheck, on the hub, or a local folder."""
    task: Task
    """Probe that uses it."""
    path: Path | None
    """Where it is on this machine; None if it has not been downloaded."""
    num_bytes: int | None
    """Size on disk; None if it has not been downloaded."""
    sha256: str | None
    """Digest of the weights file; None if it has not been downloaded."""
    license: str | None
    """Licence as the model's card says; None if there is no card."""
    used_by: str
    """Presets that name it, separated by commas."""


def list_models() -> list[ModelEntry]:
    """Return the bundled models and those that the presets name, bundled ones first; makes no request."""
    entries = {name: _entry(name, find_bundled(name)) for name in bundled_names()}
    users: dict[str, list[str]] = {}
    for preset in PRESETS:
        for name in _named_by(preset):
            users.setdefault(name, []).append(preset)
            if name not in entries:
                entries[name] = _entry(name, _local_folder(name))
    return [replace(entry, used_by=", ".join(users.get(name, []))) for name, entry in entries.items()]


def pull_model(name: str, on_progress: OnProgress | None = None) -> Path:
    """Return the local folder of a model, downloading its weights on first use.

    Raises:
        WeightsError: If the name is unknown or the download fails.
    """
    task = _task_of(name, on_progress)
    if task == "transcript_second":
        folder, _ = find_second(name, on_progress=on_progress)
        if folder is None:
            raise WeightsError(f"model {name!r} has no local folder.")
        return folder
    if task == "image_text":
        folder = resolve_image_text(name, on_progress=on_progress).ref.path
        if folder is None:
            raise WeightsError(f"model {name!r} has no local folder.")
        return folder
    from mmcheck.backends.whisper_weights import find_whisper

    return find_whisper(name, on_progress=on_progress).root


def check_model(name: str) -> str:
    """Return a sentence about a model that was loaded, tried on a tiny input and held against its card.

    Raises:
        WeightsError: If it cannot be found or loaded, gives no finite numbers, or its digest is not its
        card's.
    """
    folder = pull_model(name)
    compared = check_card(folder)
    task = _task_of(name, None)
    seen = {"image_text": _try_image_text, "transcript": _try_whisper, "transcript_second": _try_ctc}[task](name)
    digests = f"sha256 of {', '.join(compared)} as on its card" if compared else "no card with digests to compare"
    return f"{name}: loaded from {folder} and tried ({seen}); {digests}."


def check_card(folder: Path) -> list[str]:
    """Return the files whose SHA-256 stands in the folder's README.md, after comparing each.

    Raises:
        WeightsError: If a file is not what its card says.
    """
    text = _card(folder)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    compared = []
    for line in text.splitlines():
        wanted = _SHA256.search(line)
        named = [file for file in sorted(files, key=len, reverse=True) if file in line]
        if wanted is None or not named:
            continue
        found = remembered_digest(folder / named[0])
        if found != wanted[0]:
            raise WeightsError(
                f"{folder / named[0]} is not what its card says: its sha256 is {found}, not {wanted[0]}.",
                hint="the file was changed or damaged; install mmcheck (or get the model) again.",
            )
        compared.append(named[0])
    return compared


def _named_by(preset: str) -> list[str]:
    try:
        probes = load_config(preset).probes
    except (ConfigError, FileNotFoundError):
        return []
    image_text = probes.image_text
    names = [image_text.model + (f"/{image_text.pretrained}" if image_text.pretrained else "")]
    second = [probes.transcript_second.model] if probes.transcript_second.model else []
    return [*names, probes.transcript.model, *second]


def _entry(name: str, folder: Path | None) -> ModelEntry:
    bundled = find_bundled(name)
    kind: Literal["bundled", "hub", "folder"] = "bundled" if bundled else "folder" if resolve_folder(name) else "hub"
    files = [] if folder is None else [path for path in folder.rglob("*") if path.is_file()]
    largest = max(files, key=lambda path: path.stat().st_size, default=None)
    licence = None if folder is None else _LICENSE.search(_card(folder))
    return ModelEntry(
        name=name,
        kind=kind,
        task=_task_of(name, None) if folder is not None else _task_by_name(name),
        path=folder,
        num_bytes=sum(path.stat().st_size for path in files) if files else None,
        sha256=remembered_digest(largest) if largest is not None else None,
        license=licence[1] if licence else None,
        used_by="",
    )


def _card(folder: Path) -> str:
    try:
        return (folder / "README.md").read_text("utf-8", "replace")
    except OSError:
        return ""


def _local_folder(name: str) -> Path | None:
    """Return where the weights behind a name are on this machine, without a request."""
    from mmcheck.backends import open_clip_names
    from mmcheck.backends.whisper_weights import hub_files

    folder = resolve_folder(name)
    if folder is not None:
        return folder
    found = open_clip_names.split_tag(name)
    if found is not None:
        repo_id, weights = open_clip_names.tag_files(*found)
        return find_cached(repo_id, [weights])
    wanted = hub_files(name)
    if wanted is None:
        return None
    return find_cached(wanted.repo_id, wanted.patterns) or find_cached(wanted.repo_id, ["*config.json"])


def _task_by_name(name: str) -> Task:
    from mmcheck.backends.whisper_weights import known_sizes

    return "transcript" if name in known_sizes() else "image_text"


def _task_of(name: str, on_progress: OnProgress | None) -> Task:
    """Return what a model is for; asks the hub for its config if only that can tell."""
    from mmcheck.backends import open_clip_names
    from mmcheck.backends.whisper_weights import known_sizes

    folder = resolve_folder(name)
    if folder is None:
        if name in known_sizes():
            return "transcript"
        if open_clip_names.split_tag(name) is not None or open_clip_names.is_architecture(name):
            return "image_text"
        repo_id = name.removeprefix("hf-hub:")
        if not is_repo_id(repo_id):
            raise unknown_model(name, [*known_sizes(), *open_clip_names.architectures()])
        config = ["open_clip_config.json|config.json"]
        folder = download(repo_id, patterns=config, name=name, on_progress=on_progress)
    if (folder / "open_clip_config.json").is_file():
        return "image_text"
    if is_ctc_folder(folder):
        return "transcript_second"
    if (folder / "config.json").is_file() and read_json(folder / "config.json").get("model_type") in TRANSFORMERS_TYPES:
        return "image_text"
    return "transcript"


def _try_image_text(name: str) -> str:
    import numpy as np
    from PIL import Image

    backend = load_image_text(resolve_image_text(name), precision="float32")
    image = backend.encode_images([backend.preprocess(Image.new("RGB", (64, 48), (120, 160, 90)))])
    text = backend.encode_texts(["a photo of a dog"])
    if not (np.isfinite(image).all() and np.isfinite(text).all()):
        raise WeightsError(f"model {name!r} gives no finite numbers: its weights are damaged.")
    height, width = backend.image_size
    return f"{backend.name}, {width} x {height} px, {backend.capacity} tokens of text, {image.shape[1]} dimensions"


def _try_ctc(name: str) -> str:
    import numpy as np

    from mmcheck.backends.ctc_model import CtcModel

    folder, _ = find_second(name)
    if folder is None:
        raise WeightsError(f"model {name!r} has no local folder.")
    model = CtcModel(folder, device="cpu")
    model.hear([np.random.default_rng(0).normal(0, 0.01, 16_000).astype(np.float32)])
    letters = len(model.vocabulary.numbers)
    return f"{model.describe()['architecture']} for {letters} letters"


def _try_whisper(name: str) -> str:
    import numpy as np

    from mmcheck.backends.clip_tensors import loading
    from mmcheck.backends.whisper_tokenizer import load_tokenizer
    from mmcheck.backends.whisper_transcriber import load_faster_whisper
    from mmcheck.backends.whisper_weights import ensure_ctranslate2, find_whisper

    folder = find_whisper(name)
    source = ensure_ctranslate2(folder)
    with loading(name, source):
        model: Any = load_faster_whisper(source, device="cpu", compute_type="auto")
        noise = np.random.default_rng(0).normal(0, 0.01, 16_000).astype(np.float32)
        segments, _ = model.transcribe(noise, language="en", temperature=0, max_new_tokens=4)
        list(segments)
    mended = dict.fromkeys(load_tokenizer(path).explain() for path in (folder.ctranslate2, folder.transformers) if path)
    formats = [word for word, path in (("ctranslate2", folder.ctranslate2), ("torch", folder.transformers)) if path]
    told = "".join(f"; its tokenizer: {words}" for words in mended if words)
    return f"Whisper for {' and '.join(formats)}{told}"

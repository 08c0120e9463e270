"""Whisper weights: which of the two formats a folder holds, and how the missing one is made.

Whisper comes as a Hugging Face folder (``model.safetensors``; verification in torch) and as a ctranslate2 folder
(``model.bin``; what faster-whisper transcribes with, and verifies with where torch's format is absent). The former is
converted to the latter once and kept in the user's cache. One folder may hold both: ctranslate2's files with a
subfolder ``transformers``, or Hugging Face's with a subfolder ``ctranslate2``.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mmcheck.backends.libraries import load_module, require
from mmcheck.backends.quiet_transformers import quiet_transformers
from mmcheck.backends.weight_digests import remembered_digest
from mmcheck.backends.weights import (
    OnProgress,
    download,
    folder_digest,
    is_repo_id,
    no_network,
    resolve_folder,
    unknown_model,
)
from mmcheck.core.errors import OutputError, WeightsError
from mmcheck.core.json_types import LoadedJson

Backend = Literal["transformers", "ctranslate2"]

_DIGEST_FILES = (
    "model.bin",
    "model*.safetensors*",
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
    "vocabulary.*",
    "transformers/*",
    "ctranslate2/*",
)
_WEIGHTS: dict[Backend, str] = {"transformers": "model.safetensors", "ctranslate2": "model.bin"}
_WEIGHT_FILES = ("model*.safetensors", "model.bin")
_CTRANSLATE2_FILES = ("model.bin", "config.json", "tokenizer.json", "vocabulary.json|vocabulary.txt")
_TRANSFORMERS_FILES = ("model.safetensors|model-*.safetensors", "config.json", "tokenizer.json")
_OPTIONAL_FILES = ("preprocessor_config.json", "generation_config.json", "model.safetensors.index.json")
_CONVERSION = 2
"""Counted up when the conversion changes, so that older results in the cache are replaced. Our own choice: a
counter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhisperFolder:
    """A local folder with Whisper weights in one or both formats."""

    root: Path
    """The folder."""
    transformers: Path | None
    """Where the Hugging Face files are."""
    ctranslate2: Path | None
    """Where the ctranslate2 files are."""

    def backend(self, asked: str) -> Backend:
        """Return what verifies: what was asked for, else torch if its format is there.

        Raises:
            WeightsError: If torch is asked for and its format is absent.
        """
        if asked == "ctranslate2" or (asked == "auto" and self.transformers is None):
            return "ctranslate2"
        if self.transformers is None:
            raise WeightsError(
                f"the Whisper folder {self.root} holds ctranslate2 weights only (model.bin), but the transcript "
                "probe's backend is 'transformers', which wants model.safetensors.",
                hint="set probes.transcript.backend to auto or ctranslate2, or name a Hugging Face model.",
            )
        return "transformers"

    def tokens_folder(self, backend: Backend) -> Path:
        """Return the folder whose tokenizer the backend encodes by: the original one where weights are converted."""
        own = self.transformers if backend == "transformers" else self.ctranslate2
        return own or self.transformers or self.ctranslate2 or self.root

    def digest(self) -> str:
        """Return the SHA-256 over the files that the models are read from.

        Raises:
            WeightsError: If they cannot be read.
        """
        return folder_digest(self.root, _DIGEST_FILES)

    def weights_digest(self, backend: Backend) -> str:
        """Return the SHA-256 of the file with a backend's weights; "" if they are in several files, or converted.

        Raises:
            WeightsError: If it cannot be read.
        """
        folder = self.transformers if backend == "transformers" else self.ctranslate2
        path = None if folder is None else folder / _WEIGHTS[backend]
        try:
            return remembered_digest(path) if path is not None and path.is_file() else ""
        except OSError as error:
            raise WeightsError(f"cannot read {path}: {error.strerror or error}.") from error

    def all_weights(self) -> frozenset[str]:
        """Return the SHA-256 of each file of weights, of both formats: folders with one in common hold one model.

        Raises:
            WeightsError: If they cannot be read.
        """
        folders = [folder for folder in (self.transformers, self.ctranslate2) if folder is not None]
        files = [path for folder in folders for name in _WEIGHT_FILES for path in sorted(folder.glob(name))]
        try:
            return frozenset(map(remembered_digest, files))
        except OSError as error:
            raise WeightsError(f"cannot read the weights in {self.root}: {error.strerror or error}.") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFiles:
    """What to fetch for a name."""

    repo_id: str
    """``org/name``."""
    patterns: tuple[str, ...]
    """Files that must be there, as ``download`` takes them."""
    optional: tuple[str, ...] = _OPTIONAL_FILES
    """Files taken if they are there."""


def known_sizes() -> dict[str, str]:
    """Return the sizes that faster-whisper knows, with the hub repositories of their ctranslate2 weights."""
    return dict(load_module("faster_whisper", "utils")._MODELS)


def hub_files(name: str, *, backend: str = "auto") -> HubFiles | None:
    """Return what a size (``base``) or hub name (``org/name``) stands for; None if it is neither.

    A size means the ctranslate2 weights that faster-whisper uses; with backend ``transformers`` OpenAI's own. A hub
    repository may hold either format; where it has both, ctranslate2's is taken unless torch is asked for.
    """
    sizes = known_sizes()
    if name in sizes:
        if backend == "transformers":
            repo_id = _original(name)
            return None if repo_id is None else HubFiles(repo_id=repo_id, patterns=_TRANSFORMERS_FILES)
        return HubFiles(repo_id=sizes[name], patterns=_CTRANSLATE2_FILES)
    repo_id = name.removeprefix("hf-hub:").removeprefix("hf:")
    if not is_repo_id(repo_id):
        return None
    if backend == "transformers":
        return HubFiles(repo_id=repo_id, patterns=_TRANSFORMERS_FILES)
    either = ("model.bin|model.safetensors|model-*.safetensors", "config.json", "tokenizer.json")
    return HubFiles(repo_id=repo_id, patterns=either, optional=(*_OPTIONAL_FILES, "vocabulary.*"))


def find_whisper(name: str, *, backend: str = "auto", on_progress: OnProgress | None = None) -> WhisperFolder:
    """Return the weights behind a bundled name, a folder, a size or a hub name; the latter two are downloaded once.

    Raises:
        WeightsError: If there is nothing of that name, it cannot be downloaded, or holds no Whisper weights.
    """
    folder = resolve_folder(name)
    if folder is None:
        wanted = hub_files(name, backend=backend)
        if wanted is None:
            raise unknown_model(name, known_sizes(), kind="Whisper model")
        folder = download(
            wanted.repo_id,
            patterns=wanted.patterns,
            optional=wanted.optional,
            name=name,
            on_progress=on_progress,
        )
    return inspect_folder(folder)


def inspect_folder(folder: Path) -> WhisperFolder:
    """Return which formats ``folder`` holds.

    Raises:
        WeightsError: If it holds none, or only pickled weights.
    """
    found = WhisperFolder(
        root=folder,
        transformers=next(filter(_is_transformers, (folder, folder / "transformers")), None),
        ctranslate2=next(filter(_is_ctranslate2, (folder, folder / "ctranslate2")), None),
    )
    if found.transformers is None and found.ctranslate2 is None:
        pickled = (folder / "pytorch_model.bin").is_file()
        raise WeightsError(
            f"the folder {folder} holds no Whisper weights"
            + (" but pickled ones (pytorch_model.bin), which are not read." if pickled else "."),
            hint="expected: model.safetensors + config.json (Hugging Face), or model.bin + config.json "
            "(faster-whisper).",
        )
    return found


def ensure_ctranslate2(folder: WhisperFolder) -> Path:
    """Return the ctranslate2 folder of a model, converting the Hugging Face weights on first use.

    The result lies below ``$XDG_CACHE_HOME/mmcheck/ctranslate2`` (``~/.cache`` if unset), named by the digest of the
    weights, appears by one rename, and holds half-precision weights: ctranslate2 casts them to the compute type asked
    for when it loads them.

    Raises:
        WeightsError: If the conversion fails.
        OutputError: If the cache cannot be written.
    """
    if folder.ctranslate2 is not None:
        return folder.ctranslate2
    source = folder.transformers
    if source is None:
        raise WeightsError(f"the folder {folder.root} holds no Whisper weights.")
    target = _cache_folder() / f"{folder_digest(source, _DIGEST_FILES)[:32]}-v{_CONVERSION}"
    if _is_ctranslate2(target):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".tmp-", dir=target.parent))
    except OSError as error:
        raise OutputError(
            f"cannot write the model cache {target.parent}: {error.strerror or error}.",
            hint="set XDG_CACHE_HOME to a folder that can be written.",
        ) from error
    try:
        _convert(source, scratch / "model")
        try:
            os.replace(scratch / "model", target)
        except OSError:
            if not _is_ctranslate2(target):  # else another run was faster
                raise
    except OSError as error:
        raise OutputError(
            f"cannot write the model cache {target.parent}: {error.strerror or error}.",
            hint="free some space or set XDG_CACHE_HOME to another folder.",
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def read_json(file: Path) -> LoadedJson:
    """Return the JSON object in ``file``; an empty one if there is no such file.

    Raises:
        WeightsError: If it is not a JSON object.
    """
    try:
        value = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise WeightsError(f"cannot read {file}: {' '.join(str(error).split())}.") from error
    if not isinstance(value, dict):
        raise WeightsError(f"{file} must hold a JSON object, but holds a {type(value).__name__}.")
    return value


def num_mels(folder: Path) -> int:
    """Return the number of mel bands that the model in ``folder`` takes: 80, or 128 from large-v3 on.

    Raises:
        WeightsError: If a config cannot be read.
    """
    config = read_json(folder / "config.json")
    bands = config.get("num_mel_bins") or read_json(folder / "preprocessor_config.json").get("feature_size")
    return int(bands or 80)


def _convert(source: Path, target: Path) -> None:
    require("torch", "transformers", "ctranslate2")
    from ctranslate2.converters import TransformersConverter

    from mmcheck.backends.whisper_network import load_model
    from mmcheck.backends.whisper_tokenizer import load_tokenizer

    quiet_transformers()
    tokenizer = load_tokenizer(source).tokenizer
    load_model(source, None)  # the converter would fill what the file lacks with random numbers
    try:
        with no_network():
            TransformersConverter(str(source)).convert(str(target), quantization="float16")
    except OSError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(
            f"the Whisper weights in {source} cannot be converted for transcription: {reason}.",
            hint="set probes.transcript.transcribe to never, or name a faster-whisper model.",
        ) from error
    config = dict(read_json(target / "config.json"))
    for key in ("suppress_ids", "suppress_ids_begin", "lang_ids"):
        config[key] = config.get(key) or []
    (target / "config.json").write_text(json.dumps(config, indent=2), "utf-8")
    tokenizer.save(str(target / "tokenizer.json"))
    features = read_json(source / "preprocessor_config.json") or {"feature_size": num_mels(source)}
    (target / "preprocessor_config.json").write_text(json.dumps(features, indent=2), "utf-8")


def _is_ctranslate2(folder: Path) -> bool:
    return (folder / "model.bin").is_file() and (folder / "config.json").is_file()


def _is_transformers(folder: Path) -> bool:
    if not any(folder.glob("model*.safetensors")) or not (folder / "config.json").is_file():
        return False
    return read_json(folder / "config.json").get("model_type") == "whisper"


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "mmcheck" / "ctranslate2"


def _original(size: str) -> str | None:
    if size.startswith("distil-"):
        return f"distil-whisper/{size}"
    return f"openai/whisper-{'large-v3-turbo' if size == 'turbo' else 'large-v3' if size == 'large' else size}"

"""The tokenizer of a Whisper folder, mended where its file lost merges.

Folders come with ``tokenizer.json``, with ``vocab.json`` and ``merges.txt``, or with ctranslate2's ``vocabulary.txt``
or ``.json`` alone. Whatever is read, the encoder is held against the vocabulary, which the model was trained with:
each token must be within reach of the merges, see ``bpe_merges``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmcheck.backends.bpe_merges import Merge, mend_merges
from mmcheck.backends.weights import no_network
from mmcheck.core.digests import digest_value
from mmcheck.core.errors import WeightsError
from mmcheck.core.json_types import JsonObject, LoadedJson

_MAX_NAMED = 5  # merges that are named one by one; our own choice: a message stays readable
_SPECIAL = re.compile(r"<\|[^|]*\|>")


@dataclass(frozen=True, slots=True, kw_only=True)
class WhisperTokenizer:
    """A tokenizer, and what was done to it."""

    tokenizer: Any
    """``tokenizers.Tokenizer``."""
    sha256: str
    """Digest of what it encodes by: vocabulary and merges, mended ones included."""
    put_back: tuple[Merge, ...] = ()
    """Merges that its file lacks."""
    left_out: tuple[Merge, ...] = ()
    """Pairs in its file that make no token."""
    num_unreachable: int = 0
    """Tokens that no text is encoded to even so."""

    def describe(self) -> JsonObject:
        """Return the digest and what was mended, as run.json keeps it."""
        found: JsonObject = {"sha256": self.sha256}
        for name, merges in (("put_back", self.put_back), ("left_out", self.left_out)):
            if merges:
                found[name] = {"count": len(merges), "merges": [" ".join(merge) for merge in merges[:_MAX_NAMED]]}
        if self.num_unreachable:
            found["unreachable_tokens"] = self.num_unreachable
        return found

    def explain(self) -> str:
        """Return in words what was mended and what could not be; "" if the tokenizer is whole."""
        parts = []
        if self.put_back:
            parts.append(f"put back {_count(self.put_back, 'missing merge')}")
        if self.left_out:
            parts.append(f"left out {_count(self.left_out, 'merge')} that makes no token")
        if self.num_unreachable:
            noun = "token" if self.num_unreachable == 1 else "tokens"
            parts.append(f"{self.num_unreachable} {noun} cannot be reached, and the vocabulary does not tell how")
        return "; ".join(parts)


def load_tokenizer(folder: Path) -> WhisperTokenizer:
    """Return the tokenizer of a model folder in either format.

    Raises:
        WeightsError: If there is none, it cannot be read, or it is another model's.
    """
    try:
        found = _mend(_read(folder))
    except WeightsError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        raise WeightsError(f"cannot read the tokenizer in {folder}: {reason}.") from error
    _compare(folder, found.tokenizer)
    return found


def _read(folder: Path) -> LoadedJson:
    """Return what tokenizer.json says, or would say."""
    file = folder / "tokenizer.json"
    if file.is_file():
        content = json.loads(file.read_text("utf-8"))
        if not isinstance(content, dict):
            raise ValueError("tokenizer.json holds no JSON object")
        return content
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        from transformers import AutoTokenizer

        loader: Any = AutoTokenizer
        with no_network():
            loaded: LoadedJson = json.loads(loader.from_pretrained(str(folder)).backend_tokenizer.to_str())
        return loaded
    vocabulary = read_vocabulary(folder)
    if vocabulary is None:
        raise WeightsError(
            f"the Whisper folder {folder} has no tokenizer.json.",
            hint="copy tokenizer.json of the original model into it; nothing is downloaded for a local folder.",
        )
    return _from_vocabulary(vocabulary)


def read_vocabulary(folder: Path) -> list[str] | None:
    """Return the tokens in ctranslate2's vocabulary file by their ids; None if there is none.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no list of tokens.
    """
    if (folder / "vocabulary.json").is_file():
        tokens = json.loads((folder / "vocabulary.json").read_text("utf-8"))
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise ValueError("vocabulary.json holds no list of tokens")
        return tokens
    if (folder / "vocabulary.txt").is_file():
        return (folder / "vocabulary.txt").read_bytes().decode("utf-8").removesuffix("\n").split("\n")
    return None


def _from_vocabulary(tokens: Sequence[str]) -> LoadedJson:
    special = [(id_, token) for id_, token in enumerate(tokens) if _SPECIAL.fullmatch(token)]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "added_tokens": [{"id": id_, "content": token, **flags} for id_, token in special],
        "pre_tokenizer": byte_level,
        "decoder": byte_level,
        "model": {"type": "BPE", "vocab": {token: id_ for id_, token in enumerate(tokens)}, "merges": []},
    }


def _mend(content: LoadedJson) -> WhisperTokenizer:
    from tokenizers import Tokenizer

    model = content.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("merges"), list):
        tokenizer = Tokenizer.from_str(json.dumps(content))
        return WhisperTokenizer(tokenizer=tokenizer, sha256=digest_value(content))
    merges = [_pair(merge) for merge in model["merges"]]
    ordinary = _ordinary(model["vocab"], content.get("added_tokens") or [])
    mended = mend_merges(ordinary, merges)
    model["merges"] = [list(merge) for merge in mended.merges]
    return WhisperTokenizer(
        tokenizer=Tokenizer.from_str(json.dumps(content)),
        sha256=digest_value(
            {
                "vocabulary": sorted(model["vocab"].items(), key=lambda item: item[1]),
                "merges": model["merges"],
                "rest": {name: value for name, value in content.items() if name != "model"},
            }
        ),
        put_back=mended.put_back,
        left_out=mended.left_out,
        num_unreachable=len(mended.unreachable),
    )


def _pair(merge: object) -> Merge:
    parts = merge.split(" ") if isinstance(merge, str) else merge
    if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(part, str) for part in parts):
        raise ValueError(f"a merge is no pair of texts: {merge!r}")
    return parts[0], parts[1]


def _ordinary(vocabulary: Mapping[str, int], added: Sequence[LoadedJson]) -> dict[str, int]:
    """Return the tokens that merges make, or begin with."""
    special = {token["content"] for token in added}
    return {token: id_ for token, id_ in vocabulary.items() if token not in special and not _SPECIAL.fullmatch(token)}


def _compare(folder: Path, tokenizer: Any) -> None:
    """Refuse a tokenizer that numbers the text's tokens otherwise than the vocabulary that ctranslate2 goes by.

    Raises:
        WeightsError: If one does.
    """
    try:
        tokens = read_vocabulary(folder)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise WeightsError(f"cannot read the vocabulary in {folder}: {reason}.") from error
    if tokens is None:
        return
    known = tokenizer.get_vocab()
    for id_, token in enumerate(tokens):
        # Special tokens go by several names (<|nocaptions|>, <|nospeech|>).
        if not _SPECIAL.fullmatch(token) and token and known.get(token, id_) != id_:
            raise WeightsError(
                f"the tokenizer in {folder} is not this model's: {token!r} is token {known[token]} in tokenizer.json, "
                f"but {id_} in the vocabulary beside it.",
                hint="copy tokenizer.json of the original model into the folder, or remove it.",
            )


def _count(merges: Sequence[Merge], noun: str) -> str:
    named = ", ".join(repr(" ".join(merge)) for merge in merges[:_MAX_NAMED])
    more = ", ..." if len(merges) > _MAX_NAMED else ""
    return f"{len(merges)} {noun}{'' if len(merges) == 1 else 's'}: {named}{more}"

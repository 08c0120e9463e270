"""What Whisper base makes of clips that are not English when it is asked to translate: a fault that reads well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scripts.benchmarks.real_parts.kept_probe import Recording, open_probe
from scripts.benchmarks.real_parts.recordings import RealClip
from scripts.benchmarks.real_parts.result_store import ResultStore, key_of

_BEAMS = 5
_MOST_TOKENS = 224


def translate_all(clips: Sequence[RealClip], cache_dir: Path) -> dict[str, str]:
    """Return clip id -> English text, for the clips of one window that are not English.

    Raises:
        NoRealDataError: If the weights of base are absent.
    """
    store = ResultStore(cache_dir / "translations.sqlite")
    foreign = [clip for clip in clips if clip.language != "en"]
    keys = {clip.id: key_of("translated", clip.id, clip.text, clip.language) for clip in foreign}
    known = store.read(list(keys.values()))
    for clip in foreign:
        if keys[clip.id] not in known:
            text = _translate(clip, cache_dir)
            store.write({keys[clip.id]: text})
            known[keys[clip.id]] = text
    store.close()
    return {clip.id: known[keys[clip.id]] for clip in foreign if known[keys[clip.id]]}


def _translate(clip: RealClip, cache_dir: Path) -> str:
    import ctranslate2
    from faster_whisper.tokenizer import Tokenizer

    probe = open_probe("base", "ctranslate2", "full", cache_dir)
    media: Any = Recording(clip)
    prepared = probe.prepare(media)
    if len(prepared.windows) != 1:
        return ""
    from mmcheck.probe.transcript_clip import make_tasks

    encoded = probe.kept.encode(make_tasks(prepared, None)[0])
    loaded: Any = probe.faster_whisper
    tokenizer = Tokenizer(loaded.hf_tokenizer, True, task="translate", language=prepared.language)
    view = ctranslate2.StorageView.from_array(np.ascontiguousarray(np.asarray(encoded)[None], dtype=np.float32))
    result = loaded.model.generate(
        view,
        [[*tokenizer.sot_sequence, tokenizer.no_timestamps]],
        beam_size=_BEAMS,
        max_length=_MOST_TOKENS,
    )[0]
    return " ".join(str(tokenizer.decode(result.sequences_ids[0])).split())

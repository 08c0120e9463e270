"""Verification with ctranslate2, for folders that hold nothing but ``model.bin``.

ctranslate2 has no call that scores a given text over the whole vocabulary: ``align`` leaves the end-of-text token out
of its softmax. So the text is given to ``generate`` as a prefix that it has to repeat, and the logits of every step
are kept. The steps are taken one token at a time, which makes this the slower of the two backends; the values are
the same.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmcheck.backends.whisper_batches import first_uses, group_jobs, order_tasks
from mmcheck.backends.whisper_features import Features, stack_features, window_frames
from mmcheck.backends.whisper_passes import (
    DecoderPass,
    Expected,
    build_verification,
    pass_ids,
    plan_passes,
    read_early_ends,
    read_pass,
)
from mmcheck.backends.whisper_start import NO_START, StartReading, read_start
from mmcheck.backends.whisper_streams import map_streams, split_recordings
from mmcheck.backends.whisper_tokens import EncodedText, WhisperTokens
from mmcheck.backends.whisper_verifier import Verification, VerificationTask
from mmcheck.core.errors import RunError
from mmcheck.core.json_types import JsonObject

_MAX_BATCH_STEPS = 1024
"""Decoder steps of one call, over all its texts. Our own choice: bounds the memory that the kept logits take."""


class Ctranslate2WhisperVerifier:
    """Verifies with a ctranslate2 model.

    Args:
        model: ``ctranslate2.models.Whisper``.
        folder: The folder it was loaded from.
        window: ``full`` (each clip filled up to 30 s), ``padded`` (some seconds of silence behind each) or ``fitted``
            (each as long as it is).
        batch_size: Clips encoded at once on a GPU. ctranslate2's encoder has no mask, so clips of different length
            share a batch in full windows only. On a CPU, one recording goes to each of the model's workers.

    Raises:
        WeightsError: If the tokenizer cannot be read.
    """

    def __init__(self, model: Any, folder: Path, *, window: str, batch_size: int) -> None:
        self._model = model
        self.window = window
        self._batch_size = batch_size
        self.precision = str(model.compute_type)
        self.precisions: tuple[str, ...] = (self.precision,)
        self.tokens = WhisperTokens.load(folder, is_multilingual=bool(model.is_multilingual))

    def describe(self) -> JsonObject:
        """Return backend, compute type, device, window and versions."""
        import ctranslate2

        return {
            "backend": "ctranslate2",
            "precision": self.precision,
            "device": str(self._model.device),
            "window": self.window,
            "versions": {"ctranslate2": ctranslate2.__version__},
        }

    def verify(self, tasks: Sequence[VerificationTask], *, keep_encoded: bool = False) -> list[Verification]:
        """Return one verification a task, in order.

        Args:
            tasks: The tasks.
            keep_encoded: Whether each result holds the encoder's output.

        Raises:
            MediaError: If the model gives no finite numbers.
        """
        texts = [self.tokens.encode(task.text, is_scriptio_continua=task.is_scriptio_continua) for task in tasks]
        order = order_tasks(tasks, [self._length(task) for task in tasks], [len(text.tokens) for text in texts])
        is_cpu = str(self._model.device) == "cpu"
        # Longest first, so that no core is left with a long one at the end.
        parts = (
            split_recordings(order, first_uses(tasks), self._batch_size) if is_cpu else self._batches(tasks, order)
        )[::-1]

        def run(chosen: Sequence[int]) -> list[Verification]:
            return self._verify_batch(
                [tasks[index] for index in chosen],
                [texts[index] for index in chosen],
                self._length(tasks[chosen[0]]),
                keep_encoded,
            )

        results = map_streams(run, parts, int(self._model.num_workers) if is_cpu else 1)
        found = {
            index: verification
            for part, verified in zip(parts, results, strict=True)
            for index, verification in zip(part, verified, strict=True)
        }
        return [found[index] for index in range(len(tasks))]

    def _batches(self, tasks: Sequence[VerificationTask], order: Sequence[int]) -> list[list[int]]:
        """Return the tasks in batches of one length each."""
        batches: list[list[int]] = []
        for index in order:
            kind = self._length(tasks[index]), tasks[index].encoded is None
            first = tasks[batches[-1][0]] if batches else None
            is_other = first is None or (self._length(first), first.encoded is None) != kind
            if is_other or len(batches[-1]) == self._batch_size:
                batches.append([])
            batches[-1].append(index)
        return batches

    def _length(self, task: VerificationTask) -> int:
        frames = window_frames(self.window, int(task.features.shape[1]))
        return frames + frames % 2

    def _verify_batch(
        self, tasks: Sequence[VerificationTask], texts: Sequence[EncodedText], length: int, keep_encoded: bool
    ) -> list[Verification]:
        uses = first_uses(tasks)
        distinct = sorted(set(uses))
        if all(tasks[use].encoded is not None for use in distinct):
            encoded = np.stack([np.asarray(tasks[use].encoded, np.float32) for use in distinct])
        else:
            encoded = encode_features(self._model, stack_features([tasks[use].features for use in distinct], length))
        is_known = all(task.language in self.tokens.languages and not task.wants_start for task in tasks)
        languages = [{} for _ in encoded] if is_known else self._detect_languages(encoded)
        if len(distinct) < len(tasks):
            rows = [distinct.index(use) for use in uses]
            encoded, languages = encoded[rows], [languages[row] for row in rows]
        prompts = [
            self.tokens.prompt(task.language if task.language in self.tokens.languages else _best(shares))
            for task, shares in zip(tasks, languages, strict=True)
        ]
        passes = [plan_passes(text, self.tokens, len(prompt)) for text, prompt in zip(texts, prompts, strict=True)]
        jobs = [(row, step) for row, steps in enumerate(passes) for step in steps]
        read: list[list[tuple[list[float], float | None]]] = [[] for _ in tasks]
        expected: list[list[Expected]] = [[] for _ in tasks]
        no_speech: dict[int, float] = {}
        for group in group_jobs(jobs, _MAX_BATCH_STEPS):
            for (row, step), result in zip(group, self._generate(group, prompts, encoded), strict=True):
                no_speech[row] = max(float(result.no_speech_prob), sys.float_info.min)
                scores, there = self._read(step, result.logits[0])
                read[row].append(scores)
                expected[row].append(there)
        starts = [
            self._start(no_speech[row], languages[row], task) if task.wants_start else NO_START
            for row, task in enumerate(tasks)
        ]
        return [
            build_verification(
                texts[row], passes[row], read[row], expected[row], starts[row], encoded[row] if keep_encoded else None
            )
            for row in range(len(tasks))
        ]

    def _detect_languages(self, encoded: Features) -> list[dict[str, float]]:
        """Return for each clip the languages' probabilities; empty for an English-only model."""
        import ctranslate2

        if not self.tokens.is_multilingual:
            return [{} for _ in encoded]
        found = self._model.detect_language(ctranslate2.StorageView.from_array(encoded))
        return [{token[2:-2]: float(share) for token, share in shares} for shares in found]

    def _generate(
        self, group: Sequence[tuple[int, DecoderPass]], prompts: Sequence[list[int]], encoded: Features
    ) -> list[Any]:
        import ctranslate2

        rows = [row for row, _ in group]
        longest = max(len(step.tokens) for _, step in group)
        results: list[Any] = self._model.generate(
            ctranslate2.StorageView.from_array(np.ascontiguousarray(encoded[rows])),
            [[*prompts[row], *step.tokens] for row, step in group],
            beam_size=1,
            # ctranslate2 takes the smaller of half this number and of what the prompt but one token leaves of it.
            max_length=max(2 * (longest + 1), longest + len(prompts[rows[0]])),
            return_logits_vocab=True,
            return_no_speech_prob=True,
            suppress_blank=False,
            suppress_tokens=[],
        )
        return results

    def _read(self, step: DecoderPass, logits: Sequence[Any]) -> tuple[tuple[list[float], float | None], Expected]:
        """Return what ``read_pass`` says, and what the model expected at each token that is scored."""
        wanted = len(step.tokens) + 1
        if len(logits) < wanted:
            raise RunError(
                f"ctranslate2 returned {len(logits)} decoder steps for a text of {len(step.tokens)} tokens.",
                hint="this version of ctranslate2 counts differently; set probes.transcript.backend to transformers.",
            )
        rows = np.stack([np.asarray(view).reshape(-1) for view in logits[step.context : wanted]])
        rows = rows.astype(np.float32)
        peak = rows.max(axis=-1, keepdims=True)
        log_probs = rows - peak - np.log(np.exp(rows - peak).sum(axis=-1, keepdims=True))
        columns = log_probs[:, pass_ids(step, self.tokens)]
        read = read_pass(step, columns, self.tokens)
        scored = log_probs[: step.num_scored]
        shares = np.exp(scored)
        entropies = -(shares * np.where(shares > 0, scored, 0.0)).sum(axis=-1)
        return read, Expected.of(
            entropies.tolist(), read_early_ends(step, columns, self.tokens), read[0], scored.max(axis=-1)
        )

    def _start(self, no_speech: float, shares: dict[str, float], task: VerificationTask) -> StartReading:
        tiny = sys.float_info.min
        row = [] if self.tokens.no_speech is None else [math.log(no_speech)]
        row += [math.log(max(tiny, shares.get(code, 0.0))) for code in self.tokens.languages]
        return read_start(row, self.tokens, task.language)


def encode_features(model: Any, features: Features) -> Features:
    """Return the encoder's output, an array of shape (clips, frames / 2, width), float32.

    Args:
        model: ``ctranslate2.models.Whisper``.
        features: Array of shape (clips, bands, frames), float32, frames even. There is no mask: all frames count.
    """
    import ctranslate2

    view = model.encode(ctranslate2.StorageView.from_array(features), to_cpu=True)
    return np.asarray(view.to(ctranslate2.DataType.float32))


def _best(shares: dict[str, float]) -> str | None:
    return max(shares, key=lambda code: shares[code]) if shares else None

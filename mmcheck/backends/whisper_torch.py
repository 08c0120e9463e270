"""Verification with transformers' Whisper in torch: one encoder and one decoder pass a batch.

On a CPU ctranslate2 may encode in int8 instead, with torch's decoder behind it in float32. In fitted windows of
whisper-base that takes a quarter off the CPU time (0.29 against 0.39 s a clip of 9 s), in full ones nothing. It moves
the values (a word's by 0.06 nat on average, by 2.2 at most), and not what is found: over 1,320 clips, a quarter of them
with planted faults, the mean ROC-AUC is .972 against .971 in float32, and 301 against 302 of 330 faults are flagged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcheck.backends.precision import resolve_precision, torch_dtype
from mmcheck.backends.whisper_batches import first_uses, group_jobs, order_tasks
from mmcheck.backends.whisper_ctranslate2 import encode_features
from mmcheck.backends.whisper_features import Features, stack_features, window_frames
from mmcheck.backends.whisper_network import WhisperNetwork
from mmcheck.backends.whisper_passes import (
    LOG_PROB_FLOOR,
    DecoderPass,
    Expected,
    build_verification,
    pass_ids,
    plan_passes,
    read_early_ends,
    read_pass,
)
from mmcheck.backends.whisper_start import StartReading, read_start, start_ids
from mmcheck.backends.whisper_streams import allowed_threads, map_streams, share_cores, split_recordings
from mmcheck.backends.whisper_tokens import MULTILINGUAL_VOCABULARY, EncodedText, WhisperTokens
from mmcheck.backends.whisper_verifier import Verification, VerificationTask
from mmcheck.core.json_types import JsonObject

if TYPE_CHECKING:
    import torch

_MAX_BATCH_TOKENS = 2048  # decoder positions of one batch; our own choice: bounds the memory that they take
_MAX_READ_TOKENS = 256  # positions whose logits are there at a time; our own choice: 53 MB, and twice that in passing

_Reading = tuple[StartReading | None, tuple[list[float], float | None], Expected]
"""What a pass says: of the recording, of its tokens and the end, and of what was expected in their place."""


class TorchWhisperVerifier:
    """Verifies with a Hugging Face Whisper folder.

    Args:
        folder: The folder.
        device: ``cpu`` or ``cuda``.
        precision: ``auto``, ``float32``, ``bfloat16``, ``float16``, or ``int8`` (encoder only; decoder: float32).
        window: ``full`` (each clip filled up to 30 s), ``padded`` (some seconds of silence behind each) or ``fitted``
            (each as long as it is).
        batch_size: Clips encoded at once on a GPU; on a CPU, one recording goes on each core, see whisper_streams.
        int8_encoder: ``ctranslate2.models.Whisper`` of the same weights on the CPU. ``int8`` needs it; with it ``auto``
            means int8 in fitted windows, where it would mean float32 without.

    Raises:
        WeightsError: If the weights cannot be loaded.
    """

    def __init__(
        self, folder: Path, *, device: str, precision: str, window: str, batch_size: int, int8_encoder: Any = None
    ) -> None:
        import torch

        self._torch = torch
        self._device = device
        self._int8_encoder = int8_encoder
        usual = resolve_precision(precision, device)
        has_choice = precision == "auto" and usual == "float32" and int8_encoder is not None
        self.precisions: tuple[str, ...] = ("int8", usual) if has_choice else (usual,)
        self.precision = self.precisions[-1 if window == "full" else 0]
        self.window = window
        self._batch_size = batch_size
        self.network = WhisperNetwork(folder, device=device, dtype=torch_dtype("float32" if usual == "int8" else usual))
        """The model, for who wants its passes alone."""
        self.tokens = WhisperTokens.load(folder, is_multilingual=self.network.num_tokens >= MULTILINGUAL_VOCABULARY)

    def describe(self) -> JsonObject:
        """Return backend, precision, device, window and versions."""
        import transformers

        versions = {"torch": self._torch.__version__, "transformers": transformers.__version__}
        if self.precision == "int8":
            import ctranslate2

            versions["ctranslate2"] = ctranslate2.__version__
        return {
            "backend": "transformers",
            "precision": self.precision,
            "device": self._device,
            "window": self.window,
            "versions": versions,
        }

    def verify(self, tasks: Sequence[VerificationTask], *, keep_encoded: bool = False) -> list[Verification]:
        """Return one verification a task, in order.

        Tasks of like length are put together; the order inside has no influence on the values. On a CPU torch's
        threads are shared out among several recordings meanwhile, and set back at the end.

        Args:
            tasks: The tasks.
            keep_encoded: Whether each result holds the encoder's output.

        Raises:
            MediaError: If the model gives no finite numbers.
        """
        texts = [self.tokens.encode(task.text, is_scriptio_continua=task.is_scriptio_continua) for task in tasks]
        order = order_tasks(tasks, [self._length(task) for task in tasks], [len(text.tokens) for text in texts])

        def run(chosen: Sequence[int]) -> list[Verification]:
            return self._verify_batch(
                [tasks[index] for index in chosen], [texts[index] for index in chosen], keep_encoded
            )

        if self._device == "cpu":
            parts = split_recordings(order, first_uses(tasks), self._batch_size)
            results = self._map_cores(run, parts)
        else:
            parts = []
            for is_encoded in (False, True):
                some = [index for index in order if (tasks[index].encoded is not None) is is_encoded]
                parts += [some[first : first + self._batch_size] for first in range(0, len(some), self._batch_size)]
            results = [run(part) for part in parts]
        found = {
            index: verification
            for part, verified in zip(parts, results, strict=True)
            for index, verification in zip(part, verified, strict=True)
        }
        return [found[index] for index in range(len(tasks))]

    def _map_cores(
        self, run: Callable[[Sequence[int]], list[Verification]], parts: Sequence[Sequence[int]]
    ) -> list[list[Verification]]:
        torch = self._torch
        allowed = allowed_threads()
        streams, threads = share_cores(allowed)
        # Not what torch says it has: loading a ctranslate2 model sets that of the loading thread.
        torch.set_num_threads(allowed)
        try:
            # Longest first, so that no core is left with a long one at the end.
            results = map_streams(run, parts[::-1], streams, lambda: torch.set_num_threads(threads))
        finally:
            # Part of the setting is the thread's own, part (MKL's) the whole process's.
            torch.set_num_threads(allowed)
        return results[::-1]

    def _length(self, task: VerificationTask) -> int:
        return window_frames(self.window, int(task.features.shape[1]))

    def _verify_batch(
        self, tasks: Sequence[VerificationTask], texts: Sequence[EncodedText], keep_encoded: bool
    ) -> list[Verification]:
        with self._torch.inference_mode():
            uses = first_uses(tasks)
            distinct = sorted(set(uses))
            clips = [distinct.index(use) for use in uses]
            encoded, mask, positions = self._encoded([tasks[use] for use in distinct])
            prompts = [self.tokens.prompt(code) for code in self._languages(tasks, encoded, mask, clips)]
            passes = [
                plan_passes(text, self.tokens, len(prompt), self.network.num_positions)
                for text, prompt in zip(texts, prompts, strict=True)
            ]
            jobs = [(row, step) for row, steps in enumerate(passes) for step in steps]
            starts: dict[int, StartReading] = {}
            read: list[list[tuple[list[float], float | None]]] = [[] for _ in tasks]
            expected: list[list[Expected]] = [[] for _ in tasks]
            for group in group_jobs(jobs, _MAX_BATCH_TOKENS):
                hidden = self._run(group, prompts, encoded, mask, clips)
                for (row, _), (start, scores, there) in zip(
                    group, self._read(group, hidden, prompts, tasks), strict=True
                ):
                    if start is not None:
                        starts[row] = start
                    read[row].append(scores)
                    expected[row].append(there)
        return [
            build_verification(
                texts[row],
                passes[row],
                read[row],
                expected[row],
                starts[row],
                encoded[clips[row], : positions[clips[row]]] if keep_encoded else None,
            )
            for row in range(len(tasks))
        ]

    def _encoded(self, tasks: Sequence[VerificationTask]) -> tuple[torch.Tensor, torch.Tensor | None, list[int]]:
        """Return what ``encode`` does for recordings that all are encoded already, or none, and each one's positions.

        Args:
            tasks: One of each recording.
        """
        torch = self._torch
        if all(task.encoded is not None for task in tasks):
            positions = [int(task.encoded.shape[0]) for task in tasks]
            encoded = torch.nn.utils.rnn.pad_sequence([task.encoded for task in tasks], batch_first=True)
            if min(positions) == max(positions):
                return encoded, None, positions
            counts = torch.tensor(positions, device=self._device)
            return encoded, torch.arange(max(positions), device=self._device)[None] < counts[:, None], positions
        parts = [task.features for task in tasks]
        if self.window == "full":
            lengths = [self.network.num_frames] * len(parts)
        else:
            lengths = [min(self.network.num_frames, self._length(task)) for task in tasks]
        longest = max(lengths)
        encoded, mask = self.encode(stack_features(parts, longest + longest % 2), lengths)
        return encoded, mask, [(length + 1) // 2 for length in lengths]

    def encode(self, features: Features, lengths: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return what ``WhisperNetwork.encode`` does; in int8 all clips must count in full.

        Args:
            features: Array of shape (clips, bands, frames), frames even and at most 3000.
            lengths: Frames of each clip that count.
        """
        if self.precision == "int8":
            return self._torch.from_numpy(encode_features(self._int8_encoder, features)), None
        return self.network.encode(features, lengths)

    def _languages(
        self, tasks: Sequence[VerificationTask], encoded: torch.Tensor, mask: torch.Tensor | None, clips: Sequence[int]
    ) -> list[str | None]:
        """Return the language to prompt with for each task; detected where the model needs one and none is named."""
        known = [task.language if task.language in self.tokens.languages else None for task in tasks]
        if not self.tokens.is_multilingual or None not in known:
            return list(known)
        count = int(encoded.shape[0])
        ids = self._torch.full((count, 1), self.tokens.sot, device=self._device)
        states = self.network.decode(ids, encoded, mask, range(count))[:, 0]
        detected = [self._read_start(state, None).language for state in states]
        return [code or detected[clip] for code, clip in zip(known, clips, strict=True)]

    def _run(
        self,
        group: Sequence[tuple[int, DecoderPass]],
        prompts: Sequence[list[int]],
        encoded: torch.Tensor,
        mask: torch.Tensor | None,
        clips: Sequence[int],
    ) -> torch.Tensor:
        """Return the hidden states of a group of passes; what stands behind a shorter one is of no meaning."""
        rows = [row for row, _ in group]
        sequences = [[*prompts[row], *step.tokens] for row, step in group]
        longest = max(map(len, sequences))
        padded = [sequence + [self.tokens.eot] * (longest - len(sequence)) for sequence in sequences]
        ids = self._torch.tensor(padded, device=self._device)
        return self.network.decode(ids, encoded, mask, [clips[row] for row in rows])

    def _read_start(self, state: torch.Tensor, stated: str | None) -> StartReading:
        log_probs = self.network.log_probs(state[None])
        return read_start(self.network.columns(log_probs, start_ids(self.tokens))[0], self.tokens, stated)

    def _read(
        self,
        group: Sequence[tuple[int, DecoderPass]],
        hidden: torch.Tensor,
        prompts: Sequence[list[int]],
        tasks: Sequence[VerificationTask],
    ) -> Iterator[_Reading]:
        """Yield what each pass of a group says.

        The whole embedding is read for each product, however few positions it has: so several passes share one, and the
        first position goes with the others.
        """
        parts = []
        for (row, step), states in zip(group, hidden, strict=True):
            start = len(prompts[row]) - 1
            wanted = states[start + step.context : start + 1 + len(step.tokens)]
            parts.append(self._torch.cat((states[:1], wanted)) if step.first == 0 else wanted)
        first = 0
        while first < len(parts):
            stop, count = first + 1, len(parts[first])
            while stop < len(parts) and count + len(parts[stop]) <= _MAX_READ_TOKENS:
                count += len(parts[stop])
                stop += 1
            log_probs = self.network.log_probs(self._torch.cat(parts[first:stop]))
            pieces = self._torch.split(log_probs, [len(part) for part in parts[first:stop]])
            for (row, step), piece in zip(group[first:stop], pieces, strict=True):
                yield self._read_one(step, piece, tasks[row])
            first = stop

    def _read_one(self, step: DecoderPass, log_probs: torch.Tensor, task: VerificationTask) -> _Reading:
        """Return what the first position says, what ``read_pass`` says, and what was expected at each token."""
        start = None
        if step.first == 0:
            start = read_start(
                self.network.columns(log_probs[:1], start_ids(self.tokens))[0], self.tokens, task.language
            )
            log_probs = log_probs[1:]
        columns = self.network.columns(log_probs, pass_ids(step, self.tokens))
        read = read_pass(step, columns, self.tokens)
        scored = log_probs[: step.num_scored]
        # The bound keeps zero times minus infinity from being no number.
        entropies = -scored.exp().mul_(scored.clamp_min(LOG_PROB_FLOOR)).sum(-1)
        return (
            start,
            read,
            Expected.of(
                entropies.tolist(), read_early_ends(step, columns, self.tokens), read[0], scored.amax(-1).tolist()
            ),
        )

"""What belongs to one sample: its media read and decoded, in a thread, and every probe's ``prepare``.

An image that an earlier row has too is not looked at again. A decoding thread can only suppose that, as the earlier row
may be in decoding itself; ``settle`` decides it, in the rows' order, so that no outcome depends on the threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mmcheck.config import Config
from mmcheck.core.types import Measurement, Sample, Status
from mmcheck.media.sample_media import SampleMedia
from mmcheck.media.source import MediaSource
from mmcheck.probe.base import ImageProbe, NotApplicable, Prepared, Probe
from mmcheck.scanning.failed_sample import failed_sample
from mmcheck.scanning.open_shard import Decoded, Outcome, SameAs
from mmcheck.scanning.reuse import Reuse
from mmcheck.scanning.same_bytes import has_image_alone, image_key
from mmcheck.scanning.shared_images import SharedImages


def shares_images(probe: Probe[Any]) -> bool:
    """Return whether a probe can take over what an earlier row with the same image gave."""
    return probe.traits.of_image_alone or isinstance(probe, ImageProbe)


class Preparing:
    """Prepares samples for the probes.

    Args:
        probes: Open probes by name.
        config: The run's config.
        shared: What is known of images that several rows have.
        min_side: Images may be shrunk while decoding to no less than this on the shorter side, px; None: full size.
        reuse: Gives measurements of earlier runs; None: everything is measured.
    """

    def __init__(
        self,
        probes: Mapping[str, Probe[Any]],
        config: Config,
        shared: SharedImages,
        *,
        min_side: int | None,
        reuse: Reuse | None,
    ) -> None:
        self._probes = probes
        self._config = config
        self._shared = shared
        self._source = MediaSource(allow_remote=config.input.allow_remote)
        self._min_side = min_side
        self._reuse = reuse

    def prepare(self, sample: Sample, probes: Sequence[str], row: int, *, is_alone: bool = False) -> Decoded:
        """Return what the probes make of a sample. Thread-safe.

        Args:
            sample: The sample.
            probes: The probes that still owe the sample's shard values.
            row: Its number in the run.
            is_alone: Whether its image is looked at although an earlier row has the same bytes.
        """
        media = self._media_of(sample)
        known = self._known(media, probes)
        first = self._shared.first_row(row)
        key = self._key_of(media, probes) if first is None else None
        supposed = self._shared.by_bytes.claim(key, row) if key and not is_alone else None
        earlier = first if first is not None else supposed
        outcomes: dict[str, Outcome] = {
            name: known.get(name) or self._prepare_one(name, media, earlier) for name in probes
        }
        is_sound = media.has_decoded_image() or any(
            _shows_image(found) for name, found in known.items() if shares_images(self._probes[name])
        )
        if key and supposed is None and not is_sound:
            self._shared.by_bytes.release(key, row)
        return Decoded(
            outcomes=outcomes,
            num_bytes=media.num_bytes(),
            reused=frozenset(known),
            key=key,
            is_sound=is_sound,
            supposed=supposed,
        )

    def settle(self, sample: Sample, probes: Sequence[str], row: int, decoded: Decoded) -> Decoded:
        """Return what holds for a sample now that all rows before it are settled. To be called in the rows' order.

        Args:
            sample: The sample.
            probes: The probes for which it was prepared.
            row: Its number in the run.
            decoded: What ``prepare`` returned.
        """
        by_bytes = self._shared.by_bytes
        if (same_place := self._shared.first_row(row)) is not None:
            first = by_bytes.settle(row, by_bytes.key_at(same_place), is_sound=False)
            return decoded if first is None else self._as_of(first, sample, decoded)
        if decoded.key is None:
            return decoded
        first = by_bytes.settle(row, decoded.key, is_sound=decoded.is_sound)
        if first is not None:
            # Counted as nothing, decoded or not: how much waits for the model decides where batches end.
            return replace(self._as_of(first, sample, decoded), num_bytes=0)
        if decoded.supposed is None:
            return decoded
        # The row that it was to share an image with turned out to have none: what is wrong is told of its own place.
        alone = self.prepare(sample, probes, row, is_alone=True)
        by_bytes.settle(row, alone.key or 0, is_sound=alone.is_sound)
        return alone

    def prepare_whole(self, name: str, sample: Sample) -> Prepared[object] | Measurement:
        """Return what one probe makes of a sample, whose image is looked at whatever other rows have."""
        return self._prepare_with(name, self._media_of(sample), self._probes[name].prepare)

    def _as_of(self, first: int, sample: Sample, decoded: Decoded) -> Decoded:
        """Return what was prepared as one that shares the image of the row ``first``."""
        outcomes = dict(decoded.outcomes)
        for name, outcome in decoded.outcomes.items():
            if name in decoded.reused or not shares_images(self._probes[name]):
                continue
            if isinstance(outcome, Prepared) and outcome.first is not None:
                outcomes[name] = replace(outcome, first=first)
            else:
                outcomes[name] = self._prepare_one(name, self._media_of(sample), first)
        return replace(decoded, outcomes=outcomes)

    def _media_of(self, sample: Sample) -> SampleMedia:
        return SampleMedia(
            sample,
            self._source,
            min_side=self._min_side,
            max_pixels=self._config.probes.media.max_pixels,
            max_audio_seconds=self._config.probes.media.max_audio_seconds,
            max_decode_seconds=self._config.probes.media.max_decode_seconds,
        )

    def _known(self, media: SampleMedia, probes: Sequence[str]) -> Mapping[str, Measurement]:
        if self._reuse is None:
            return {}
        try:
            return self._reuse.find(media, probes)
        except Exception:  # noqa: BLE001 - what cannot be taken over is measured, and fails there if it must
            return {}

    def _key_of(self, media: SampleMedia, probes: Sequence[str]) -> int | None:
        """Return the key of the image's bytes; 0 if they cannot be read, None if no probe could share them."""
        if not len(self._shared.by_bytes) or not has_image_alone(media.sample):
            return None
        if not any(shares_images(self._probes[name]) for name in probes):
            return None
        try:
            return image_key(media)
        except Exception:  # noqa: BLE001 - each probe meets it again, and tells of it
            return 0

    def _prepare_one(self, name: str, media: SampleMedia, first: int | None) -> Outcome:
        """Return what the probe makes of a sample; ``first`` is an earlier row with the same image."""
        probe = self._probes[name]
        if first is not None and probe.traits.of_image_alone:
            return SameAs(first)
        if first is None or not isinstance(probe, ImageProbe):
            return self._prepare_with(name, media, probe.prepare)
        prepared = self._prepare_with(name, media, probe.prepare_again)
        return replace(prepared, first=first) if isinstance(prepared, Prepared) else prepared

    def _prepare_with(
        self, name: str, media: SampleMedia, prepare: Callable[[SampleMedia], object]
    ) -> Prepared[object] | Measurement:
        sample = media.sample
        if sample.problem is not None:
            return Measurement.not_applicable(sample.id, name, "the manifest row is broken")
        try:
            return Prepared(sample=sample, payload=prepare(media))
        except NotApplicable as reason:
            return Measurement.not_applicable(sample.id, name, str(reason))
        except Exception as error:  # noqa: BLE001 - one sample never ends a run
            return failed_sample(sample, name, error)


def _shows_image(found: Measurement) -> bool:
    """Return whether what an earlier run found out about an image says that it can be decoded."""
    return found.status is Status.MEASURED or "image" in found.embeddings

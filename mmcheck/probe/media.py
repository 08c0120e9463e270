"""What the files themselves show, with no model of language or pictures: readable, blank, silent, clipped, too fast.

Useful by itself on any machine. The only model is the small voice-activity one, and it can be turned off.

Figures of an image are taken from a small copy of fixed size, so that they hardly depend on how far a decoder
shrank it.
"""

from __future__ import annotations

import importlib.metadata
import math
import re
from collections.abc import Sequence

import numpy as np
import soundfile
from PIL import Image

from mmcheck.backends import voice_activity
from mmcheck.config import MediaProbeConfig
from mmcheck.core.constants import BLANK_FROM
from mmcheck.core.digests import digest_file, digest_value
from mmcheck.core.errors import MediaError
from mmcheck.core.json_types import JsonObject
from mmcheck.core.part_traits import ProbeTraits
from mmcheck.core.types import FurtherMedium, Measurement, MediaRef, Row, Sample
from mmcheck.media.audio import Audio
from mmcheck.media.fingerprints import audio_fingerprint, image_fingerprint
from mmcheck.media.image import DecodedImage
from mmcheck.media.image_views import image_views
from mmcheck.media.jpeg_damage import jpeg_damage
from mmcheck.media.libsndfile_view import libsndfile_loss
from mmcheck.media.sample_media import SampleMedia
from mmcheck.media.suffixes import has_right_suffix
from mmcheck.metrics.caption_words import count_words
from mmcheck.metrics.text_length import spoken_length
from mmcheck.metrics.text_normalization import is_scriptio_continua
from mmcheck.metrics.transcript_cleaning import clean_transcript
from mmcheck.probe.base import NotApplicable, Prepared
from mmcheck.probe.facts import Facts, measure_facts
from mmcheck.probe.media_metrics import METRICS, SILENCE_DB
from mmcheck.store.media_columns import (
    AUDIO_DIGEST,
    IMAGE_COLOURS,
    IMAGE_DIGEST,
    IMAGE_HASH,
    IMAGE_VIEWS,
    MEDIA_COLUMNS,
)

_VERSION = 7
_GRID = 64  # side of the small copy in pixels; our own choice: enough to see whether there is anything
_BLANK_SPREAD = 4.0
"""Spread (of 255 levels) at which blankness is one half. Our own choice: noise of a camera on an even ground."""
_MAY_BE_BLANK = re.compile(r"mask|depth|seg|alpha|matte|edge|label")
"""Columns whose images are about a picture and may well be of one colour."""
_MIN_SPEECH = 0.1  # seconds of speech below which a rate of speech means nothing; our own choice: a syllable


class MediaProbe:
    """Reads and decodes the medium and measures its signal.

    Args:
        options: Section ``probes.media`` of the config.
        device: Not used.
        seed: Not used.
    """

    name = "media"
    metrics = METRICS
    batch_size = 256
    options_model = MediaProbeConfig
    traits = ProbeTraits(of_image_alone=True, in_manifests=False, columns=MEDIA_COLUMNS)

    def __init__(self, options: MediaProbeConfig, device: str = "cpu", seed: int = 0) -> None:
        self._options = options

    def fingerprint(self) -> str:
        """Return the digest of version, options and the voice-activity model."""
        model = voice_activity.find_model_file() if self._options.vad else None
        return digest_value(
            {
                "probe": self.name,
                "version": _VERSION,
                "options": self._options.model_dump(mode="json", exclude={"enabled"}),
                "voice_activity": digest_file(model) if model is not None else None,
            }
        )

    def open(self) -> None:
        """Load the voice-activity model, if it is wanted.

        Raises:
            MissingDependency: If it is wanted and not installed.
        """
        if self._options.vad:
            voice_activity.load()

    def describe(self) -> JsonObject:
        """Return the versions of the decoders and the digest of the voice-activity model."""
        model = voice_activity.find_model_file() if self._options.vad else None
        return {
            "pillow": importlib.metadata.version("pillow"),
            "av": importlib.metadata.version("av"),
            "libsndfile": soundfile.__libsndfile_version__,
            "voice_activity": None if model is None else {"file": model.name, "sha256": digest_file(model)},
        }

    def prepare(self, media: SampleMedia) -> Facts:
        """Return all that is measured; everything is done here, in the decoding thread.

        Raises:
            NotApplicable: If the sample has neither an image nor a recording.
            MediaError: If one cannot be read or decoded.
        """
        sample = media.sample
        if sample.image is None and sample.audio is None:
            raise NotApplicable("the row names neither an image nor a recording")
        facts = Facts()
        if sample.image is not None:
            _measure_image(media, sample.image, facts)
            if self._options.fingerprints:
                facts.content[IMAGE_HASH.name], facts.content[IMAGE_COLOURS.name] = image_fingerprint(media.image())
                facts.content[IMAGE_VIEWS.name] = image_views(media.image())
        if sample.audio is not None:
            self._measure_audio(media, sample.audio, facts)
            sound = audio_fingerprint(media.audio().samples) if self._options.fingerprints else None
            if sound is not None:
                facts.embeddings["audio"] = sound
        if sample.further:
            facts.evidence["further"] = [_check_further(media, one) for one in sample.further]
        return facts

    def measure(self, batch: Sequence[Prepared[Facts]]) -> list[Measurement]:
        """Return one measurement a sample, in order."""
        return measure_facts(self.name, batch)

    def _measure_audio(self, media: SampleMedia, ref: MediaRef, facts: Facts) -> None:
        values, evidence = facts.values, facts.evidence
        audio = media.audio()
        info = audio.info
        seconds = audio.duration
        values.update(
            duration=info.duration,
            sampling_rate=float(info.sampling_rate),
            channels=float(info.channels),
            peak=info.peak,
            rms_db=_level(audio),
            clipping_ratio=info.clipping_ratio,
        )
        is_wrong = not has_right_suffix(ref.name, info.container)
        values["wrong_suffix"] = max(values.get("wrong_suffix", 0.0), float(is_wrong))
        loss = libsndfile_loss(media.audio_bytes(), info.container, ref.start or 0.0, info.duration)
        if loss is not None:
            values["libsndfile_loss"] = loss
        speech = seconds
        if self._options.vad:
            spans = voice_activity.speech_segments(audio.samples, threshold=self._options.vad_threshold)
            speech = sum(end - start for start, end in spans)
            values.update(speech_seconds=speech, speech_ratio=min(1.0, speech / seconds))
        sample = media.sample
        if sample.transcript is not None and speech >= _MIN_SPEECH:
            values["chars_per_second"] = sum(map(str.isalnum, sample.transcript)) / speech
            spoken = clean_transcript(sample.transcript, sample.language)
            values["letters_per_second"] = spoken_length(spoken) / speech
            if not is_scriptio_continua(sample.language, sample.transcript):
                values["words_per_second"] = count_words(spoken) / speech
        declared = _declared_duration(sample, ref)
        if declared is not None:
            # Without a start the row speaks of the whole file, of which no more than the declared part was decoded.
            true = info.duration if ref.start is not None else max(info.duration, info.file_duration or 0.0)
            values["declared_duration_error"] = abs(declared - true)
        facts.content[AUDIO_DIGEST.name] = bytes.fromhex(media.audio_digest())
        evidence.update(codec=info.codec, container=info.container)
        if info.num_bad_packets:
            evidence["num_bad_packets"] = info.num_bad_packets
        if info.num_nonfinite:
            evidence["num_nonfinite"] = info.num_nonfinite


def _measure_image(media: SampleMedia, ref: MediaRef, facts: Facts) -> None:
    values, evidence = facts.values, facts.evidence
    decoded = media.decoded_image()
    blankness, contrast, brightness = _look(decoded.image)
    is_right = has_right_suffix(ref.name, decoded.format)
    values.update(
        width=float(decoded.width),
        height=float(decoded.height),
        short_side=float(min(decoded.width, decoded.height)),
        aspect_ratio=max(decoded.width, decoded.height) / min(decoded.width, decoded.height),
        blankness=blankness,
        contrast=contrast,
        brightness=brightness,
        is_animated=float(decoded.is_animated),
        orientation=float(decoded.orientation),
        wrong_suffix=float(not is_right),
        grey_bottom=decoded.grey_bottom,
        plain_rgb_difference=decoded.plain_difference,
    )
    if decoded.format == "JPEG":
        values["jpeg_damage"] = jpeg_damage(media.image_bytes())
    facts.content[IMAGE_DIGEST.name] = bytes.fromhex(media.image_digest())
    evidence.update(format=decoded.format, mode=decoded.mode)
    if decoded.num_frames > 1:
        evidence["num_frames"] = decoded.num_frames


def _check_further(media: SampleMedia, one: FurtherMedium) -> str:
    """Return the name of another medium of the row if it is sound.

    Raises:
        MediaError: If it cannot be read or decoded, or is blank; it names file and column.
    """
    place = f"{one.ref.name} ({one.column})" if one.column else one.ref.name
    try:
        decoded = media.decode_further(one)
    except MediaError as error:
        raise MediaError(
            f"another file of the row, {place}, is not sound: {error.message}", cause=error.cause, hint=error.hint
        ) from error
    is_blank = isinstance(decoded, DecodedImage) and _look(decoded.image)[0] > BLANK_FROM
    if is_blank and not _MAY_BE_BLANK.search(one.column.lower()):
        raise MediaError(f"another image of the row, {place}, is blank or nearly so", cause="blank")
    return one.ref.name


def _look(image: Image.Image) -> tuple[float, float, float]:
    """Return blankness, contrast and brightness of an RGB image.

    Blankness is 1 / (1 + (s/4)^2), s the largest standard deviation of the three channels (0 to 255) on a copy of at
    most 64 x 64 pixels made by averaging, which takes sensor and compression noise out before it is counted as content.
    """
    size = (min(_GRID, image.width), min(_GRID, image.height))
    small = np.asarray(image.resize(size, Image.Resampling.BOX), dtype=np.float64)
    spread = float(small.std(axis=(0, 1)).max())
    luma = small @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
    return (
        1.0 / (1.0 + (spread / _BLANK_SPREAD) ** 2),
        min(1.0, float(luma.std()) / 255.0),
        min(1.0, float(luma.mean()) / 255.0),
    )


def _level(audio: Audio) -> float:
    samples = audio.samples
    power = float(np.dot(samples, samples)) / len(samples)
    return max(SILENCE_DB, 10.0 * math.log10(power)) if power > 0 else SILENCE_DB


def _declared_duration(sample: Sample, ref: MediaRef) -> float | None:
    if ref.duration is not None:
        return ref.duration
    return _nemo_duration(sample.row) if ref.start is None else None


def _nemo_duration(row: Row) -> float | None:
    """Return ``duration`` of a NeMo row; other manifests use that name for other things and units."""
    value = row.get("duration")
    if "audio_filepath" not in row or isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None

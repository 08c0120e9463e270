"""One sample's media, decoded at most once however many probes ask.

Errors are remembered as well: a missing file is looked for once, and each probe gets the same MediaError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PIL import Image

from mmcheck.core.digests import digest_bytes
from mmcheck.core.errors import MediaError
from mmcheck.core.types import FurtherMedium, MediaRef, Sample
from mmcheck.media.audio import Audio, decode_audio
from mmcheck.media.decoding_limits import MAX_SECONDS
from mmcheck.media.image import DecodedImage, decode_image
from mmcheck.media.source import MediaSource

T = TypeVar("T")


class SampleMedia:
    """Lazily decoded media of one sample. Used by one thread at a time.

    Args:
        sample: The sample.
        source: Where bytes come from.
        min_side: Images may be shrunk while decoding to no less than this on the shorter side; None: full size.
        max_pixels: Larger images are refused undecoded.
        max_audio_seconds: Longer recordings are refused.
        max_decode_seconds: Files that take more processor time to decode are given up.
    """

    def __init__(
        self,
        sample: Sample,
        source: MediaSource,
        *,
        min_side: int | None = None,
        max_pixels: int = 100_000_000,
        max_audio_seconds: float = 7200.0,
        max_decode_seconds: float = MAX_SECONDS,
    ) -> None:
        self.sample = sample
        self._source = source
        self._min_side = min_side
        self._max_pixels = max_pixels
        self._max_audio_seconds = max_audio_seconds
        self._max_decode_seconds = max_decode_seconds
        self._memo: dict[str, object] = {}

    def image_bytes(self) -> bytes:
        """Return the image file's bytes.

        Raises:
            MediaError: If they cannot be read, or the sample has no image.
        """
        return self._read("image", self.sample.image)

    def audio_bytes(self) -> bytes:
        """Return the recording's file bytes.

        Raises:
            MediaError: If they cannot be read, or the sample has no recording.
        """
        return self._read("recording", self.sample.audio)

    def image_digest(self) -> str:
        """Return the SHA-256 of the image file's bytes as 64 hex digits.

        Raises:
            MediaError: If they cannot be read, or the sample has no image.
        """
        return self._once("image_digest", lambda: digest_bytes(self.image_bytes()))

    def audio_digest(self) -> str:
        """Return the SHA-256 of the recording's file; of the decoded sound for a segment, as many share one file.

        Raises:
            MediaError: If it cannot be read (or decoded), or the sample has no recording.
        """
        ref = self.sample.audio
        if ref is not None and (ref.start, ref.duration, ref.channel) != (None, None, None):
            return self.sound_digest()
        return self._once("audio_digest", lambda: digest_bytes(self.audio_bytes()))

    def sound_digest(self) -> str:
        """Return the SHA-256 of the decoded sound (16 kHz, mono, 16-bit little-endian) as 64 hex digits.

        Raises:
            MediaError: If it cannot be read or decoded, or the sample has no recording.
        """
        return self._once("sound_digest", lambda: _digest_sound(self.audio()))

    def digest(self, column: str) -> str:
        """Return the SHA-256 of the sample's medium in a column of the samples, as 64 hex digits.

        Raises:
            MediaError: If it cannot be read (or decoded), or the sample has none.
        """
        return self.image_digest() if column == "image" else self.audio_digest()

    def decoded_image(self) -> DecodedImage:
        """Return the decoded image with what its header said.

        Raises:
            MediaError: If it cannot be read or decoded.
        """
        return self._once(
            "image",
            lambda: decode_image(
                self.image_bytes(),
                min_side=self._min_side,
                max_pixels=self._max_pixels,
                max_seconds=self._max_decode_seconds,
            ),
        )

    def image(self) -> Image.Image:
        """Return the image as RGB, upright (EXIF orientation applied).

        Raises:
            MediaError: If it cannot be read or decoded.
        """
        return self.decoded_image().image

    def has_decoded_image(self) -> bool:
        """Return whether the image was asked for and could be decoded; decodes nothing."""
        return isinstance(self._memo.get("image"), DecodedImage)

    def audio(self) -> Audio:
        """Return the segment's waveform as 16 kHz mono float32 with what the file said.

        Raises:
            MediaError: If it cannot be read or decoded.
        """
        ref = self.sample.audio
        if ref is None:
            raise MediaError("the sample has no recording", cause="absent")
        return self._once(
            "audio",
            lambda: decode_audio(
                self.audio_bytes(),
                start=ref.start,
                duration=ref.duration,
                channel=ref.channel,
                max_seconds=self._max_audio_seconds,
                max_decode_seconds=self._max_decode_seconds,
            ),
        )

    def decode_further(self, one: FurtherMedium) -> DecodedImage | Audio:
        """Return another medium of the row, decoded anew each time.

        Raises:
            MediaError: If it cannot be read or decoded.
        """
        data = self._source.read(one.ref)
        if one.modality == "image":
            return decode_image(data, min_side=self._min_side, max_pixels=self._max_pixels)
        return decode_audio(data, start=None, duration=None, max_seconds=self._max_audio_seconds)

    def num_bytes(self) -> int:
        """Return the bytes of the decoded media that were asked for so far (pixels as RGB, samples as float32)."""
        image, audio = self._memo.get("image"), self._memo.get("audio")
        total = image.image.width * image.image.height * 3 if isinstance(image, DecodedImage) else 0
        return total + (int(audio.samples.nbytes) if isinstance(audio, Audio) else 0)

    def _read(self, noun: str, ref: MediaRef | None) -> bytes:
        if ref is None:
            raise MediaError(f"the sample has no {noun}", cause="absent")
        return self._once(f"bytes of the {noun}", lambda: self._source.read(ref, manifest=self.sample.manifest))

    def _once(self, key: str, make: Callable[[], T]) -> T:
        if key not in self._memo:
            try:
                self._memo[key] = make()
            except MediaError as error:
                self._memo[key] = error
        found = self._memo[key]
        if isinstance(found, MediaError):
            raise found
        return found  # type: ignore[return-value]


def _digest_sound(audio: Audio) -> str:
    return digest_bytes((audio.samples * 32767.0).round().astype("<i2").tobytes())

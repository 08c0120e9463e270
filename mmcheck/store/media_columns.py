"""What the probe ``media`` stores of the content of media, by which equal ones and copies are told.

These are columns of bytes, so that a million rows are read without taking a text apart.
"""

from __future__ import annotations

from mmcheck.core.types import ByteColumn

IMAGE_DIGEST = ByteColumn(name="image_sha256", size=32, description="SHA-256 of the bytes of the image file.")
AUDIO_DIGEST = ByteColumn(
    name="audio_sha256",
    size=32,
    description="SHA-256 of the bytes of the recording, or of the sound of the segment that the row names.",
)
IMAGE_HASH = ByteColumn(
    name="image_phash", size=8, description="Perceptual hash of the image, 64 bits, most significant byte first."
)
IMAGE_COLOURS = ByteColumn(
    name="image_colours",
    size=48,
    description="Mean colours of 4 x 4 fields of the image, row by row: red, green, blue.",
)
IMAGE_VIEWS = ByteColumn(
    name="image_views",
    size=224,
    description="Perceptual hash and field colours of the image mirrored, without borders, without bands of writing, "
    "and without its edges.",
)
MEDIA_COLUMNS = (IMAGE_DIGEST, AUDIO_DIGEST, IMAGE_HASH, IMAGE_COLOURS, IMAGE_VIEWS)
DIGESTS = {"image": IMAGE_DIGEST, "audio": AUDIO_DIGEST}
"""By modality."""

"""What the media probe measures."""

from __future__ import annotations

from mmcheck.core.types import Metric

SILENCE_DB = -120.0
"""Level of digital silence in dB. Our own choice: below 16 bits (-98 dB)."""

METRICS = (
    Metric(name="media.width", description="Width of the upright image.", unit="px", low=1),
    Metric(name="media.height", description="Height of the upright image.", unit="px", low=1),
    Metric(name="media.short_side", description="Shorter side of the image.", unit="px", low=1),
    Metric(name="media.aspect_ratio", description="Longer side of the image divided by the shorter one.", low=1),
    Metric(
        name="media.blankness",
        description="1 for an image of one colour, 0.5 where its colours spread by 4 of 255 levels, near 0 otherwise.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="media.contrast", description="Standard deviation of the image's luma, 1 is full scale.", low=0, high=1
    ),
    Metric(name="media.brightness", description="Mean luma of the image, 0 black to 1 white.", low=0, high=1),
    Metric(name="media.is_animated", description="1 if the image file holds an animation, else 0.", low=0, high=1),
    Metric(name="media.orientation", description="EXIF orientation of the file; 1 is upright.", low=1, high=8),
    Metric(
        name="media.wrong_suffix",
        description="1 if the file name's extension belongs to another format than the content, else 0.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="media.jpeg_damage",
        description="1 where picture data inside a JPEG is missing or wrong, 0.5 for a few stray bytes, else 0.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="media.grey_bottom",
        description="Share of the image's height, from below, that is flat mid-grey, as in a JPEG that was cut off.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="media.plain_rgb_difference",
        description="Mean difference between the image as intended and Pillow's convert('RGB'); 1 is full scale.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(name="media.duration", description="Length of the recording or segment.", unit="s", low=0),
    Metric(name="media.speech_seconds", description="Seconds with speech in them.", unit="s", low=0),
    Metric(name="media.speech_ratio", description="Share of the recording with speech in it.", low=0, high=1),
    Metric(name="media.sampling_rate", description="Sampling rate of the file.", unit="Hz", low=1),
    Metric(name="media.channels", description="Channels of the file.", low=1),
    Metric(name="media.peak", description="Largest absolute sample of the file; 1 is full scale.", low=0),
    Metric(name="media.rms_db", description="Level of the recording against full scale.", unit="dB", low=SILENCE_DB),
    Metric(
        name="media.clipping_ratio",
        description="Share of samples at full scale.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="media.libsndfile_loss",
        description="Share of the sound that libsndfile does not return; absent for formats that it does not support.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="media.chars_per_second",
        description="Letters and digits of the transcript a second of speech (of duration without voice activity).",
        unit="char/s",
        low=0,
    ),
    Metric(
        name="media.letters_per_second",
        description="The same in Latin letters, without marks that are not spoken: a Han character counts as 3, a "
        "Hangul syllable as 2.5, Kana as 2, a digit as 4, since it is spoken as a word.",
        unit="char/s",
        low=0,
    ),
    Metric(
        name="media.words_per_second",
        description="Words of the transcript a second of speech; absent for scripts without spaces.",
        unit="word/s",
        low=0,
    ),
    Metric(
        name="media.declared_duration_error",
        description="Absolute difference between the duration that the row declares and the actual one.",
        unit="s",
        low=0,
        higher_is_better=False,
    ),
)

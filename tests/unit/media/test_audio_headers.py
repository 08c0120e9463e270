"""Lengths that headers state, placeholders that look like lengths, and what libsndfile makes of the same files."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soundfile

from mmcheck.core.errors import MediaError
from mmcheck.media.audio import Audio, decode_audio
from mmcheck.media.audio_headers import read_mp3_header
from mmcheck.media.libsndfile_view import libsndfile_loss
from mmcheck.media.suffixes import has_right_suffix

Tone = Callable[..., np.ndarray[Any, Any]]
WavBytes = Callable[..., bytes]


def decode(data: bytes, start: float | None = None, duration: float | None = None) -> Audio:
    return decode_audio(data, start=start, duration=duration, max_seconds=7200)


def encode(samples: np.ndarray[Any, Any], kind: str, subtype: str | None = None) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 16_000, format=kind, subtype=subtype)
    return buffer.getvalue()


def with_data_size(wav: bytes, size: int) -> bytes:
    at = wav.index(b"data") + 4
    return wav[:at] + size.to_bytes(4, "little") + wav[at + 4 :]


def lost(data: bytes) -> float | None:
    audio = decode(data)
    return libsndfile_loss(data, audio.info.container, 0.0, audio.info.duration)


PLACEHOLDERS = [0, 0x7FFFF000, 0x7FFFF000 + 36, 0x7FFFFFFF, 0x80000000, 0x80000000 - 44, 2_000_000_000, 0xFFFFFFFF - 36]


@pytest.mark.parametrize("size", [*PLACEHOLDERS, 0xFFFFFFFF])
def test_a_placeholder_in_a_wav_header_is_no_length(size: int, tone: Tone, wav_bytes: WavBytes) -> None:
    wav = with_data_size(wav_bytes((tone(1.0) * 32767).astype(np.int16)), size)
    assert decode(wav).duration == 1.0
    assert lost(wav) == (1.0 if size == 0 else 0.0), "libsndfile takes 0 at its word"


def test_a_wav_file_that_was_cut_is_truncated(tone: Tone, wav_bytes: WavBytes) -> None:
    wav = wav_bytes((tone(2.0) * 32767).astype(np.int16))
    with pytest.raises(MediaError) as error:
        decode(wav[: len(wav) // 2])
    assert error.value.cause == "truncated"


def test_an_rf64_file_states_its_length_elsewhere(tone: Tone) -> None:
    whole = encode(tone(2.0), "RF64", "PCM_16")
    at = whole.index(b"data") + 4
    whole = whole[:at] + b"\xff\xff\xff\xff" + whole[at + 4 :]
    assert decode(whole).duration == 2.0
    with pytest.raises(MediaError) as error:
        decode(whole[: len(whole) // 2])
    assert error.value.cause == "truncated"


def test_an_aiff_file_from_a_pipe_is_whole(tone: Tone) -> None:
    aiff = encode(tone(1.0), "AIFF", "PCM_16")
    at = aiff.index(b"COMM") + 10
    piped = aiff[:at] + (0x7FFFF000 // 2).to_bytes(4, "big") + aiff[at + 4 :]
    assert decode(piped).duration == pytest.approx(1.0, abs=0.01)
    with pytest.raises(MediaError) as error:
        decode(aiff[: len(aiff) // 2])
    assert error.value.cause == "truncated"


def test_joined_mp3_files_are_whole_and_libsndfile_stops_after_the_first(tone: Tone) -> None:
    first, second = (encode(tone(seconds), "MP3") for seconds in (2.0, 3.0))
    joined = first + second
    audio = decode(joined)
    assert audio.duration == pytest.approx(5.0, abs=0.2)
    assert audio.info.file_duration is None, "the header speaks of the first part only"
    assert lost(joined) == pytest.approx(0.6, abs=0.05)
    assert lost(first) == 0.0
    assert decode(joined, 3.0, 1.0).duration == 1.0
    assert lost(b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + joined) == pytest.approx(0.6, abs=0.05)


def test_a_tag_behind_an_mp3_file_is_no_sound(tone: Tone) -> None:
    tagged = encode(tone(2.0), "MP3") + b"APETAGEX" + b"\xff\xfb\x90\x00" + bytes(2000) + b"TAG" + bytes(125)
    header = read_mp3_header(tagged)
    assert header is not None
    assert not header.goes_on
    assert lost(tagged) == 0.0


def test_an_mp3_file_that_was_cut_is_truncated(tone: Tone) -> None:
    whole = encode(tone(6.0), "MP3")
    with pytest.raises(MediaError, match=r"the header says 6\.\d+ s") as error:
        decode(whole[: len(whole) // 2])
    assert error.value.cause == "truncated"


def test_a_flac_file_without_its_length_is_whole_but_not_for_libsndfile(tone: Tone) -> None:
    flac = encode(tone(1.0), "FLAC")
    unknown = flac[:21] + bytes([flac[21] & 0xF0]) + bytes(4) + flac[26:]
    assert decode(unknown).duration == 1.0
    assert lost(unknown) == 1.0
    assert lost(flac) == 0.0


def test_two_data_chunks_cannot_be_opened_by_libsndfile(tone: Tone, wav_bytes: WavBytes) -> None:
    wav = wav_bytes((tone(1.0) * 32767).astype(np.int16))
    half = wav[44 : 44 + 16_000]
    assert lost(with_data_size(wav[:44] + half, 16_000) + b"data" + (16_000).to_bytes(4, "little") + half) == 1.0


def test_nist_sphere_is_read_and_its_length_is_believed(tone: Tone) -> None:
    sphere = encode(tone(1.0), "NIST", "PCM_16")
    assert decode(sphere).info.container == "nistsphere"
    assert decode(sphere).duration == 1.0
    assert lost(sphere) == 0.0
    with pytest.raises(MediaError) as error:
        decode(sphere[: len(sphere) // 2])
    assert error.value.cause == "truncated"


def test_kinds_that_libsndfile_is_not_made_for_have_no_loss() -> None:
    assert libsndfile_loss(b"", "mov", 0.0, 1.0) is None


def test_a_segment_behind_what_libsndfile_reads_is_lost_whole(tone: Tone) -> None:
    joined = encode(tone(2.0), "MP3") + encode(tone(2.0), "MP3")
    assert libsndfile_loss(joined, "mp3", 0.0, 1.0) == 0.0
    assert libsndfile_loss(joined, "mp3", 3.0, 1.0) == 1.0


@pytest.mark.parametrize(
    ("name", "kind", "is_right"),
    [
        ("a.wav", "mov", False),
        ("a.WAV", "wav", True),
        ("a.wav", "mp3", False),
        ("a.wav", "nistsphere", False),
        ("a.sph", "nistsphere", True),
        ("a.opus", "ogg", True),
        ("a.jpg", "wav", False),
        ("audio[3]", "wav", True),
    ],
)
def test_endings_of_recordings(name: str, kind: str, is_right: bool) -> None:
    assert has_right_suffix(name, kind) is is_right

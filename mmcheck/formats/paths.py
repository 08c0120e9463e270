"""Where a manifest's media lie: kinds by suffix, relative paths, folders, and paths on the way out."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from typing import Literal
from urllib.parse import unquote, urlsplit

import fsspec

from mmcheck.core.errors import ManifestError
from mmcheck.core.inline_media import payload_kind
from mmcheck.formats.text_source import is_url

Modality = Literal["image", "audio"]

IMAGE_SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .gif .bmp .tif .tiff .avif .heic .heif .jp2 .ppm .pgm .pnm".split()
)
AUDIO_SUFFIXES = frozenset(
    ".wav .wave .flac .mp3 .opus .ogg .oga .m4a .aac .aif .aiff .wma .amr .weba .sph .mka .mp2".split()
)


VIDEO_SUFFIXES = frozenset(".mp4 .m4v .mkv .webm .mov .avi .mpg .mpeg .ts .3gp .ogv .flv".split())
"""Films: their sound is a recording where the text is a transcript, and nothing else of them is looked at."""


def is_video(name: str) -> bool:
    """Return whether a path, URL or member name is that of a film, by its suffix."""
    path = url_path(name) if is_url(name) else name
    return posixpath.splitext(path.replace("\\", "/"))[1].lower().strip() in VIDEO_SUFFIXES


SUFFIXES_OF: dict[Modality, frozenset[str]] = {"image": IMAGE_SUFFIXES, "audio": AUDIO_SUFFIXES}
MEDIA_FOLDERS = ("clips", "images", "wavs", "wav", "audio", "img", "imgs", "image", "media", "data", "files", "train")
"""What folders of media are usually called."""


def url_path(url: str) -> str:
    """Return the path of a URL; where its host is none (``http://[``), all that follows the scheme."""
    try:
        return urlsplit(url).path
    except ValueError:
        return url.partition("://")[2]


def media_kind(name: str) -> Modality | None:
    """Return which medium a path, URL or member name is of, by its suffix; None if that does not tell.

    A text that is the medium itself (base64, a ``data:`` URI) tells by its beginning.
    """
    if kind := payload_kind(name):
        return kind
    if is_url(name):
        name = url_path(name)
    suffix = posixpath.splitext(name.replace("\\", "/"))[1].lower().strip()
    if suffix in IMAGE_SUFFIXES:
        return "image"
    return "audio" if suffix in AUDIO_SUFFIXES else None


def folder_of(manifest: str) -> str:
    """Return the folder (path or URL) that holds the file ``manifest``."""
    if is_url(manifest):
        return manifest.rsplit("/", 1)[0]
    return os.path.dirname(os.path.abspath(manifest))


def join_under(base: str, name: str) -> str:
    """Return ``name`` below ``base`` (path or URL), normalised; absolute names and URLs stay themselves."""
    if name.lower().startswith("file://"):
        return unquote(url_path(name))
    if is_url(name) or os.path.isabs(name):
        return name
    if is_url(base):
        scheme, mark, rest = base.partition("://")
        return f"{scheme}{mark}{posixpath.normpath(posixpath.join(rest, name))}"
    return os.path.normpath(os.path.join(base, name))


def resolve_media(name: str, base: str, *, try_cwd: bool = False) -> str:
    """Return the absolute path or URL of a medium named in a row.

    Args:
        name: As written in the row.
        base: Folder of the manifest.
        try_cwd: Where nothing lies beside the manifest, look in the working directory (open_clip's convention).
    """
    path = join_under(base, name)
    if is_url(path) or os.path.isabs(name):
        return path
    if try_cwd and not os.path.exists(path) and os.path.exists(name):
        return os.path.abspath(name)
    if "\\" in name and not os.path.exists(path):
        turned = join_under(base, name.replace("\\", "/"))
        if os.path.exists(turned):
            return turned
    return path


def is_inside(name: str) -> bool:
    """Return whether ``name`` is a plain relative path that stays in its folder."""
    if not name or is_url(name) or "://" in name or os.path.isabs(name) or name.startswith("\\"):
        return False
    return ".." not in posixpath.normpath(name.replace("\\", "/")).split("/")


def leads_out(name: str) -> bool:
    """Return whether a relative path leads out of the folder that it starts from; absolute ones and URLs do not."""
    if is_url(name) or os.path.isabs(name):
        return False
    return posixpath.normpath(name.replace("\\", "/")).split("/")[0] == ".."


def is_folder(uri: str) -> bool:
    """Return whether ``uri`` is an existing folder, locally or behind fsspec. Never raises."""
    if not is_url(uri):
        return os.path.isdir(uri)
    try:
        filesystem, path = fsspec.core.url_to_fs(uri)
        return bool(filesystem.isdir(path))
    except (OSError, ValueError, ImportError):
        return False


def walk_files(folder: str) -> Iterator[str]:
    """Yield the files below ``folder`` as relative POSIX paths, sorted; links to folders are followed once.

    Raises:
        ManifestError: If the folder cannot be listed.
    """
    if is_url(folder):
        yield from _walk_remote(folder)
        return

    def fail(error: OSError) -> None:
        where = error.filename or folder
        raise ManifestError(f"folder {where} cannot be listed: {error.strerror or error}.") from error

    seen = {os.path.realpath(folder)}
    found: list[str] = []
    for place, folders, files in os.walk(folder, followlinks=True, onerror=fail):
        fresh = []
        for name in folders:
            real = os.path.realpath(os.path.join(place, name))
            if real not in seen and not name.startswith("."):
                seen.add(real)
                fresh.append(name)
        folders[:] = fresh
        prefix = os.path.relpath(place, folder)
        found += [name if prefix == "." else f"{prefix}/{name}" for name in files]
    yield from sorted(found)


def _walk_remote(folder: str) -> Iterator[str]:
    try:
        filesystem, root = fsspec.core.url_to_fs(folder)
        names = filesystem.find(root)
    except (OSError, ValueError, ImportError) as error:
        raise ManifestError(f"folder {folder} cannot be listed: {error}.") from error
    yield from sorted(posixpath.relpath(name, root) for name in names)

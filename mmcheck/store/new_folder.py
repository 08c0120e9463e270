"""A folder of written manifests that is new: made beside its place and moved there as a whole, never over anything."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mmcheck.core.atomic import TMP_PREFIX
from mmcheck.core.errors import OutputError


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFolder:
    """Where manifests are written."""

    path: Path
    option: str
    """The option that named it: ``--write``."""
    what: str
    """What is written there: ``repaired manifests``."""

    def check(self, sources: Iterable[str]) -> None:
        """Refuse a folder that is not new or empty, or lies in a source, which would then read it.

        Args:
            sources: The manifests that rows come from; folders among them are looked at.

        Raises:
            OutputError: If it cannot be used.
        """
        path, option = self.path, self.option
        if os.path.realpath(path) == os.path.realpath("."):
            raise OutputError(
                f"{self.what} are not written into the working folder itself.", hint=f"give {option} a new folder."
            )
        try:
            is_taken = path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir())))
        except OSError as error:
            raise OutputError(
                f"cannot write to {path}: {error.strerror or error}.", hint=f"give {option} another folder."
            ) from error
        if is_taken:
            kind = "a folder that is not empty" if path.is_dir() else "not a folder"
            raise OutputError(
                f"{path} is {kind}; {self.what} are never written over anything.",
                hint=f"give {option} a new or empty folder.",
            )
        real = os.path.realpath(path)
        for manifest in sources:
            source = os.path.realpath(manifest)
            if os.path.isdir(source) and os.path.commonpath([source, real]) == source:
                raise OutputError(
                    f"{path} is inside the scanned folder {manifest}; a later scan would read it.",
                    hint=f"give {option} a folder outside of it.",
                )

    @contextmanager
    def made(self) -> Iterator[Path]:
        """Yield a folder beside the place, which takes the place at the end; if anything fails, nothing is there.

        It has the same parent, so that relative paths that are written in it hold.

        Raises:
            OutputError: If it cannot be written.
        """
        hint = f"free some space, or give {self.option} another folder."
        staging = self.path.with_name(f"{TMP_PREFIX}{os.getpid()}-{self.path.name}")
        try:
            staging.mkdir(parents=True, exist_ok=True)
            yield staging
            if self.path.exists():
                self.path.rmdir()
            staging.rename(self.path)
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}.", hint=hint) from error
        except OutputError as error:
            # The formats do not know the name of the option.
            raise OutputError(error.message, hint=hint) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def final(self, file: Path, staging: Path) -> Path:
        """Return where a file ends up that was written in the folder that ``made`` gave."""
        return self.path / file.relative_to(staging)


def written_stems(manifests: Sequence[str]) -> list[tuple[str, str]]:
    """Return for each manifest the name of what is written of it, without suffix, and its own folder or ""."""
    stems = [manifest.rstrip("/").rsplit("/", 1)[-1].partition(".")[0] or "manifest" for manifest in manifests]
    counts = Counter(stems)
    return [(stem, "" if counts[stem] == 1 else f"{number:03d}") for number, stem in enumerate(stems)]

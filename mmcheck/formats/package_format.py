"""A format of an installed package, with its own errors told as such.

What such a format raises, or returns that nothing can be made of, is an error that names the package, so that nobody
looks for it in mmcheck or in the manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ConfigError, ManifestError, MmcheckError, OutputError
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.registry import Entry
from mmcheck.core.types import MediaRef, Row, RowProblem, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.new_text import RewritesTexts

_HINT = "tell the authors of that package, update it, or uninstall it."
_WANTED: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "manifest": str,
    "row_number": int,
    "image": (MediaRef, type(None)),
    "audio": (MediaRef, type(None)),
    "caption": (str, type(None)),
    "transcript": (str, type(None)),
    "language": (str, type(None)),
    "row": Mapping,
    "item": (int, type(None)),
    "problem": (RowProblem, type(None)),
}
"""Fields of a sample -> what they may hold."""


class PackageFormat:
    """A format of an installed package.

    Args:
        entry: Its entry.
        make: Its class.
        options: Its input options.

    Raises:
        ConfigError: If it cannot be made.
    """

    def __init__(self, entry: Entry, make: Callable[[InputConfig], Any], options: InputConfig) -> None:
        self.name = entry.name
        self._told = f"the format {entry.name!r} of the package {entry.package}"
        try:
            self._form = make(options)
        except MmcheckError:
            raise
        except Exception as error:
            raise ConfigError(f"{self._told} cannot be used: {_reason(error)}.", hint=_HINT) from error
        if isinstance(self._form, RewritesTexts):
            self.with_text = self._with_text  # otherwise the texts are looked for in the columns

    def recognise(self, manifest: str) -> Recognised:
        """Return how surely ``manifest`` is in the format.

        Raises:
            ConfigError: If the package's code fails.
        """
        try:
            return Recognised(self._form.recognise(manifest))
        except Exception as error:
            raise ConfigError(f"{self._told} fails to look at {manifest}: {_reason(error)}.", hint=_HINT) from error

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples of ``manifest``.

        Raises:
            ManifestError: If it cannot be read, or the package's code fails or yields what is no sample.
        """
        after = 0
        try:
            for sample in self._form.read(manifest):
                if fault := _find_fault(sample):
                    row = f":{sample.row_number}" if isinstance(sample, Sample) else ""
                    raise ManifestError(f"{manifest}{row}: {self._told} gives {fault}.", hint=_HINT)
                after = sample.row_number
                yield sample
        except MmcheckError:
            raise
        except Exception as error:
            place = f" behind row {after}" if after else ""
            message = f"{self._told} fails to read {manifest}{place}: {_reason(error)}."
            raise ManifestError(message, hint=_HINT) from error

    def _with_text(self, sample: Sample, kind: PairKind, text: str) -> Row | None:
        """Return the row of ``sample`` with another text; None if it cannot take it.

        Raises:
            OutputError: If the package's code fails.
        """
        try:
            row: Row | None = self._form.with_text(sample, kind, text)
        except MmcheckError:
            raise
        except Exception as error:
            told = f"{self._told} fails to change a text of {sample.manifest}:{sample.row_number}"
            raise OutputError(f"{told}: {_reason(error)}.", hint=_HINT) from error
        return row

    def write(
        self,
        rows: Iterable[OutputRow],
        folder: Path,
        stem: str,
        output: OutputConfig,
        *,
        manifest: str = "",
        added: Added | None = None,
    ) -> list[Path]:
        """Write ``rows`` as a manifest; return the files.

        Raises:
            OutputError: If the package's code fails or does not say which files it wrote.
        """
        told = f"{self._told} fails to write the rows of {manifest or stem}"
        try:
            files = self._form.write(rows, folder, stem, output, manifest=manifest, added=added)
        except (MmcheckError, OSError):
            raise  # a full disk is not the package's doing
        except Exception as error:
            raise OutputError(f"{told}: {_reason(error)}.", hint=_HINT) from error
        if not isinstance(files, list | tuple) or not all(isinstance(file, Path) for file in files):
            raise OutputError(f"{told}: `write` must return the list of paths, but returned {files!r}.", hint=_HINT)
        return list(files)


def _find_fault(sample: object) -> str:
    if not isinstance(sample, Sample):
        return f"{sample!r:.80}, which is not a Sample"
    for name, wanted in _WANTED.items():
        value = getattr(sample, name)
        if not isinstance(value, wanted):
            return f"a sample whose `{name}` is {value!r:.80}"
        if isinstance(value, str) and not _is_text(value):
            return f"a sample whose `{name}` is not valid Unicode: {value!a:.80}"
    return ""


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}".rstrip(".: ")

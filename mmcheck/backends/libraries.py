"""Model libraries: loaded where a model is, not before, and named where they cannot be.

Finding models needs tables of open_clip and faster-whisper. Importing those packages takes seconds and loads torch, so
single modules of theirs can be read beside the package.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmcheck.core.errors import MissingDependency

PACKAGES = {
    "torch": "torch",
    "open_clip": "open-clip-torch",
    "transformers": "transformers",
    "faster_whisper": "faster-whisper",
    "ctranslate2": "ctranslate2",
}
"""Module -> what it is installed by."""

_WITHOUT = "files and texts are checked without models: --probes media,caption_text,transcript_text"


def require(*libraries: str) -> None:
    """Import libraries that a model needs.

    Args:
        *libraries: Keys of ``PACKAGES``.

    Raises:
        MissingDependency: If one is not installed, or is there and cannot be loaded.
    """
    for library in libraries:
        try:
            importlib.import_module(library)
        except Exception as error:  # a shared library that does not fit raises anything
            raise MissingDependency(
                f"the model needs {PACKAGES[library]}, which cannot be loaded: {type(error).__name__}: {error}",
                hint=f"`mmcheck doctor` says what is missing; {_WITHOUT}.",
            ) from error


def package_folder(library: str) -> Path:
    """Return where a library lies, without importing it.

    Raises:
        MissingDependency: If it is not installed.
    """
    spec = importlib.util.find_spec(library)
    if spec is None or not spec.submodule_search_locations:
        package = PACKAGES[library]
        raise MissingDependency(f"{package} is not installed.", hint=f"pip install {package}; {_WITHOUT}.")
    return Path(spec.submodule_search_locations[0])


def load_module(library: str, name: str) -> types.ModuleType:
    """Return a module of a library, read beside the package until the package itself has been imported.

    Raises:
        MissingDependency: If the library is not installed.
    """
    if library in sys.modules:
        return importlib.import_module(f"{library}.{name}")
    alias = f"_{library}_beside"
    if alias not in sys.modules:
        package = types.ModuleType(alias)
        package.__path__ = [str(package_folder(library))]
        sys.modules[alias] = package
    with _without_torch():
        return importlib.import_module(f"{alias}.{name}")


@contextmanager
def _without_torch() -> Iterator[None]:
    """Let modules that can do without torch do so: they load in a tenth of a second then, wherever torch is broken."""
    if "torch" in sys.modules:
        yield
        return
    sys.modules["torch"] = None  # type: ignore[assignment]  # how Python marks a module that cannot be imported
    try:
        yield
    finally:
        del sys.modules["torch"]

"""Downloads from the Hugging Face hub or a mirror, with waits bounded and every failure in plain words.

The hub client retries for a minute without a network and lets name resolution block for as long as it
likes. So the hub is asked once what the repository holds, with a deadline; files are fetched only after it
has answered.
"""

from __future__ import annotations

import fnmatch
import inspect
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmcheck.backends.weight_digests import remembered_digest
from mmcheck.core.errors import WeightsError

HUB_TIMEOUT = 8.0
"""Seconds until an unreachable hub is given up, in total. Our own choice: a person at the terminal waits this long."""

OnProgress = Callable[[str, int, int | None], None]
"""Called with file name, bytes so far and bytes in all (None: unknown)."""

_CUT_SHORT = ("onsistency check", "complete message body", "IncompleteRead")
"""What the client's errors say when fewer bytes came than were announced."""

_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def is_repo_id(name: str) -> bool:
    """Return whether ``name`` has the form ``org/name`` of a hub repository."""
    return _REPO_ID.fullmatch(name) is not None


def find_cached(repo_id: str, patterns: Sequence[str], *, revision: str = "main") -> Path | None:
    """Return the folder of ``repo_id`` in the Hugging Face cache if it holds all ``patterns``, else None.

    Never touches the network. Patterns are as for ``download``.
    """
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    if not is_repo_id(repo_id):
        return None
    storage = Path(constants.HF_HUB_CACHE).expanduser() / repo_folder_name(repo_id=repo_id, repo_type="model")
    try:
        commit = (storage / "refs" / revision).read_text("utf-8").strip()
    except OSError:
        commit = revision
    snapshot = storage / "snapshots" / commit
    if not commit or not snapshot.is_dir():
        return None
    present = [path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*") if path.is_file()]
    return snapshot if all(_select(pattern, present) for pattern in patterns) else None


def download(
    repo_id: str,
    *,
    patterns: Sequence[str],
    optional: Sequence[str] = (),
    name: str | None = None,
    revision: str = "main",
    timeout: float = HUB_TIMEOUT,
    on_progress: OnProgress | None = None,
) -> Path:
    """Return the local folder of a hub repository, downloading what is missing.

    ``HF_ENDPOINT``, ``HF_HOME``, ``HF_HUB_CACHE``, ``HF_TOKEN`` and ``HF_HUB_OFFLINE`` are honoured. If the
    cache holds all ``patterns``, no request is made.

    Args:
        repo_id: ``org/name``.
        patterns: Files that must be there: globs, or alternatives ``a|b`` of which the first that the
            repository has is taken.
        optional: Files taken as well if the repository has them; fetched first, so that a folder that has the
            mandatory files has these too.
        name: What the user wrote, for messages.
        revision: Branch, tag or commit.
        timeout: Seconds until an unreachable hub is given up, in total.
        on_progress: Called while bytes arrive.

    Raises:
        WeightsError: If the hub cannot be reached or refuses, the repository or a file does not exist, the
            cache cannot be written, or what arrived is not what the hub announced.
    """
    shown = name or repo_id
    if not is_repo_id(repo_id):
        raise WeightsError(
            f"{repo_id!r} is not the name of a hub repository (expected org/name).",
            hint="see `mmcheck models list` for names that work.",
        )
    cached = find_cached(repo_id, patterns, revision=revision)
    if cached is not None:
        return cached
    remote = _list_remote(repo_id, revision, shown, timeout)
    wanted: list[str] = []
    for pattern in (*optional, *patterns):
        found = _select(pattern, list(remote))
        if not found and pattern in patterns:
            raise WeightsError(
                f"model {shown!r}: the repository {repo_id} at {_endpoint()} "
                f"has no file {pattern.replace('|', ' or ')!r}.",
                hint="the repository holds another kind of model; see `mmcheck models list`.",
            )
        wanted += [file for file in found if file not in wanted]
    for file in wanted:
        _fetch(repo_id, file, revision, remote[file], shown, on_progress)
    folder = find_cached(repo_id, patterns, revision=revision)
    if folder is None:
        raise WeightsError(
            f"model {shown!r}: the repository {repo_id} changed while it was downloaded.", hint="try again."
        )
    return folder


@contextmanager
def no_network() -> Iterator[None]:
    """Forbid huggingface_hub (and the libraries that load through it) any request inside the block."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _select(pattern: str, names: Sequence[str]) -> list[str]:
    for alternative in pattern.split("|"):
        found = sorted(fnmatch.filter(names, alternative))
        if found:
            return found
    return []


def _endpoint() -> str:
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def _hint(shown: str) -> str:
    return (
        f"run `mmcheck models pull {shown}` where there is a network (HF_HOME says where it is kept), "
        "give the path of a local model folder, or use the bundled models with `--config demo`."
    )


def _list_remote(repo_id: str, revision: str, shown: str, timeout: float) -> dict[str, str | None]:
    """Return file name -> sha256 (None for small files) of the repository, within ``timeout`` seconds.

    The request runs in a thread of its own because name resolution obeys no timeout.
    """
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        raise WeightsError(
            f"model {shown!r} ({repo_id}) is not in the local cache, and HF_HUB_OFFLINE forbids a download.",
            hint=_hint(shown),
        )
    box: list[Any] = []

    def ask() -> None:
        try:
            api = HfApi(endpoint=_endpoint(), library_name="mmcheck")
            box.append(api.model_info(repo_id, revision=revision, files_metadata=True, timeout=timeout / 2))
        except Exception as error:  # noqa: BLE001 - carried over to the waiting thread and translated there
            box.append(error)

    thread = threading.Thread(target=ask, daemon=True, name="hub-request")
    thread.start()
    thread.join(timeout)
    answer = box[0] if box else TimeoutError(f"no answer within {timeout:g} seconds")
    if isinstance(answer, Exception):
        raise _translate(answer, repo_id, shown) from answer
    return {file.rfilename: (file.lfs.sha256 if file.lfs is not None else None) for file in answer.siblings or []}


def _fetch(
    repo_id: str, file: str, revision: str, sha256: str | None, shown: str, on_progress: OnProgress | None
) -> None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    expected: list[type[Exception]] = [OSError, RuntimeError, ValueError]
    expected += [base for base in HfHubHTTPError.__bases__ if issubclass(base, Exception)]
    options: dict[str, Any] = {}
    if on_progress is not None and "tqdm_class" in inspect.signature(hf_hub_download).parameters:
        options["tqdm_class"] = _progress_class(file, on_progress)
    try:
        path = Path(
            hf_hub_download(repo_id, file, revision=revision, endpoint=_endpoint(), library_name="mmcheck", **options)
        )
        if sha256 is not None and remembered_digest(path) != sha256:
            path.resolve().unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise WeightsError(
                f"model {shown!r}: {file} arrived damaged from {_endpoint()}: its sha256 is not the published one.",
                hint="the damaged copy was removed; try again.",
            )
    except tuple(expected) as error:
        raise _translate(error, repo_id, shown, file) from error


def _progress_class(file: str, on_progress: OnProgress) -> type[Any]:
    class Reporter:
        """Stands in for the hub client's progress bar and hands the counts on."""

        def __init__(self, *_args: object, **options: Any) -> None:
            self.total: float | None = options.get("total")
            self.n: float = options.get("initial") or 0

        def __enter__(self) -> Reporter:
            return self

        def __exit__(self, *_args: object) -> None:
            return None

        def __getattr__(self, _name: str) -> Callable[..., None]:
            return lambda *_args, **_options: None

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            on_progress(file, int(self.n), None if self.total is None else int(self.total))

    return Reporter


def _translate(error: BaseException, repo_id: str, shown: str, file: str | None = None) -> WeightsError:
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    where = f"model {shown!r} ({repo_id}" + (f", {file})" if file else ")")
    endpoint = _endpoint()
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, GatedRepoError) or status == 403:
        return WeightsError(
            f"{where}: {endpoint} refuses access: the repository is gated or the token lacks the right.",
            hint="accept its terms on the hub and log in with `hf auth login` (or set HF_TOKEN); "
            "`--config demo` needs no account.",
        )
    if isinstance(error, RepositoryNotFoundError) or status == 401:
        return WeightsError(
            f"{where}: there is no such repository at {endpoint}, or it is private.",
            hint="check the name (`mmcheck models list`), or log in with `hf auth login` (or set HF_TOKEN).",
        )
    if isinstance(error, RevisionNotFoundError | EntryNotFoundError) or status == 404:
        return WeightsError(f"{where}: not found at {endpoint}.", hint="check the name; see `mmcheck models list`.")
    if status is not None:
        return WeightsError(f"{where}: {endpoint} answered with HTTP {status}.", hint=_hint(shown))
    reason = " ".join(str(error).split()) or type(error).__name__
    if file is not None and any(words in reason for words in _CUT_SHORT):
        return WeightsError(f"{where}: the download from {endpoint} was cut short.", hint="try again.")
    if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
        return WeightsError(
            f"{where}: cannot be stored at {error.filename}: {error.strerror}.",
            hint="set HF_HOME to a folder that can be written and has room.",
        )
    return WeightsError(f"{where}: cannot reach {endpoint}: {reason}.", hint=_hint(shown))

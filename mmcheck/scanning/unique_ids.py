"""One id a sample in the whole run, whatever ids the manifests give; linear however often one is repeated."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from mmcheck.core.errors import ManifestError
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.types import Sample


class UniqueIds:
    """Makes the ids of one run unique, manifest by manifest."""

    def __init__(self) -> None:
        self._name = ""
        self._here: dict[str, int] = {}
        """Id in the present manifest -> its row."""
        self._media: dict[str, int] = {}
        """Own id -> hash of the files of its first row."""
        self._next: dict[str, int] = {}
        """Repeated id -> number to try next."""
        self._elsewhere: set[int] = set()
        """Hashes of the ids of earlier manifests."""

    def begin(self, manifest: str) -> None:
        """Go on to the next manifest."""
        self._elsewhere.update(map(hash, self._here))
        self._here, self._media, self._next = {}, {}, {}
        self._name = manifest.rstrip("/").rsplit("/", 1)[-1]

    def make(self, sample: Sample) -> str:
        """Return the id of the next sample.

        Raises:
            ManifestError: If the manifest gives its own id to rows with different media.
        """
        wanted = sample.id
        if hash(wanted) in self._elsewhere:
            # Three manifests of one name: the third prefix is taken as well.
            prefixes = itertools.chain([self._name], (f"{self._name}#{number}" for number in itertools.count(2)))
            wanted = next(id_ for id_ in (f"{prefix}:{wanted}" for prefix in prefixes) if self._is_new(id_))
        unique = wanted
        if wanted in self._here:
            self._refuse_mixed(sample, wanted)
            unique = next(candidate for candidate in self._numbered(wanted) if self._is_free(candidate))
        elif sample.own_id:
            self._media[wanted] = _hash_media(sample)
        self._here[unique] = sample.row_number
        return unique

    def _is_new(self, wanted: str) -> bool:
        return hash(wanted) not in self._elsewhere

    def _is_free(self, wanted: str) -> bool:
        return wanted not in self._here and self._is_new(wanted)

    def _numbered(self, wanted: str) -> Iterator[str]:
        while True:
            number = self._next.get(wanted, 2)
            self._next[wanted] = number + 1
            yield f"{wanted}#{number}"

    def _refuse_mixed(self, sample: Sample, wanted: str) -> None:
        is_other_row = self._here[wanted] != sample.row_number
        if not sample.own_id or sample.problem is not None or not is_other_row:
            return
        if self._media.get(wanted, _hash_media(sample)) == _hash_media(sample):
            return  # or the id of the earlier row was made here, not given
        raise ManifestError(
            f"{sample.manifest}: the id {sample.id!r} is given twice, in row {self._here[wanted]} and in row "
            f"{sample.row_number}, to different media.",
            hint="make the ids unique, or say that no column holds ids: --set input.columns.id=none.",
        )


def _hash_media(sample: Sample) -> int:
    """Return a number that is equal for the same media; all media inside the manifest itself count as the same."""
    refs = [kind.medium_of(sample) for kind in PAIR_KINDS]
    return hash(
        tuple(
            None if ref is None else (ref.uri, None if ref.uri == sample.manifest else ref.member, ref.start)
            for ref in refs
        )
    )

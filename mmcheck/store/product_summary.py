"""The summary of what a command made of a run (coverage, overlap, repair): typed, frozen, and counted by version.

Keys of a later version that this one does not know are ignored. What would be misread is refused: a file of a later
``schema_version``, and one whose values are of another kind than they should be.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from mmcheck.core.atomic import write_text
from mmcheck.store.schema_version import refuse_later
from mmcheck.store.seal import Damaged, read_json


class SummaryPart(BaseModel):
    """A part of a summary: cannot be changed."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ProductSummary(SummaryPart):
    """The content of a command's summary.json."""

    VERSION: ClassVar[int] = 1
    """Counted up when an earlier version of mmcheck would misread the file."""

    def to_json(self) -> dict[str, object]:
        """Return what stands in the file: the version, then the values that were given."""
        # Not the mode "json": it loses the bytes of file names that are not UTF-8.
        return {"schema_version": self.VERSION, **self.model_dump(exclude_unset=True)}

    def write(self, file: Path, *, ensure_ascii: bool, allow_nan: bool) -> None:
        """Write the summary atomically.

        Args:
            file: Where to.
            ensure_ascii: Whether letters beyond ASCII are escaped.
            allow_nan: Whether NaN may be written.

        Raises:
            OutputError: If it cannot be written.
            ValueError: If there is a NaN that may not be written.
        """
        text = json.dumps(self.to_json(), indent=2, ensure_ascii=ensure_ascii, allow_nan=allow_nan)
        write_text(file, text + "\n")

    @classmethod
    def read(cls, file: Path) -> Self:
        """Return the summary in a file.

        Raises:
            Damaged: If it is missing or damaged.
            RunError: If it is of a later version that this one cannot read.
        """
        found = read_json(file)
        refuse_later(file, found, cls.VERSION)
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            fault = error.errors()[0]
            place = ".".join(map(str, fault["loc"]))
            raise Damaged(f"{place}: {fault['msg']}") from error

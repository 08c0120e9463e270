"""Sections by the name of a part: mmcheck's own are fields of the tree, any other is checked by the part's class."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar

from pydantic import ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from mmcheck.config.section import Section, unknown_keys
from mmcheck.core.errors import ConfigError
from mmcheck.core.registry import Registry


class PartSection(Section):
    """The section of one part. A config that names it turns the part on; ``enabled: false`` turns it off again."""

    enabled: bool = True

    @property
    def lacks(self) -> str | None:
        """Return what a part that is turned on still needs before it runs, as `key: what`; None if nothing."""
        return None


class PartSections(Section):
    """One section a part. A part that is no field here is looked up in the table of parts when a config names it."""

    model_config = ConfigDict(extra="allow", frozen=True)
    table: ClassVar[Registry[Any]]

    @model_validator(mode="after")
    def _check_others(self) -> PartSections:
        others = self.model_extra or {}
        if unknown := {name: tree for name, tree in others.items() if name not in self.table}:
            raise unknown_keys(unknown, list(dict.fromkeys([*type(self).model_fields, *self.table.names()])))
        faults: list[InitErrorDetails] = []
        for name, tree in others.items():
            try:
                others[name] = self.table.get(name).options_model.model_validate(tree)
            except ConfigError as error:
                told = PydanticCustomError("broken_part", "{told}", {"told": f"{error.message} {error.hint or ''}"})
                faults.append(InitErrorDetails(type=told, loc=(name,), input=tree))
            except ValidationError as error:
                faults += [
                    InitErrorDetails(
                        type=fault["type"], loc=(name, *fault["loc"]), input=fault["input"], ctx=fault.get("ctx", {})
                    )
                    for fault in error.errors()
                ]
        if faults:
            raise ValidationError.from_exception_data(type(self).__name__, faults)
        return self

    @classmethod
    def model_of(cls, name: str) -> type[Section] | None:
        """Return the type of a part's section; None if there is no such part, or it cannot be used."""
        with suppress(ConfigError):
            found: type[Section] = cls.table.get(name).options_model
            return found
        return None

    def names(self) -> list[str]:
        """Return the names of all parts that have a section."""
        return [*type(self).model_fields, *(self.model_extra or {})]

    def enabled(self) -> list[str]:
        """Return the names of the parts that will run, in the order of the tree."""
        return [name for name in self.names() if _runs(getattr(self, name))]

    def unset(self) -> list[str]:
        """Return the names of the parts that would run if their section said more, such as which model."""
        return [name for name in self.names() if _lacks(getattr(self, name))]


def _runs(section: Any) -> bool:
    # The section of a package's part may be no PartSection.
    return bool(section.enabled and not _lacks(section))


def _lacks(section: Any) -> bool:
    return isinstance(section, PartSection) and bool(section.lacks)

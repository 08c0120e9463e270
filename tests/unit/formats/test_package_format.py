"""What goes wrong in a format of an installed package is told with the package's name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ConfigError, ManifestError, MmcheckError, OutputError
from mmcheck.core.registry import Entry
from mmcheck.core.types import Sample
from mmcheck.formats.package_format import PackageFormat

ENTRY = Entry(name="maps", target="far_away:Maps", package="far-away 2.5")


def package_format(**methods: Callable[..., Any]) -> PackageFormat:
    return PackageFormat(
        ENTRY, lambda options: type("Maps", (), {n: staticmethod(m) for n, m in methods.items()})(), InputConfig()
    )


def broken(*args: object, **named: object) -> Any:
    raise KeyError("legend")


def samples(**fields: Any) -> Callable[[str], Iterator[Any]]:
    def read(manifest: str) -> Iterator[Any]:
        yield Sample(id="first", manifest=manifest, row_number=1)
        yield Sample(**{"id": "second", "manifest": manifest, "row_number": 2, **fields})

    return read


def write(form: PackageFormat) -> list[Path]:
    return form.write([], Path("out"), "m", OutputConfig(), manifest="m.map")


@pytest.mark.parametrize(
    ("call", "kind", "told"),
    [
        (lambda: PackageFormat(ENTRY, broken, InputConfig()), ConfigError, "cannot be used: KeyError: 'legend'"),
        (lambda: package_format(recognise=broken).recognise("m.map"), ConfigError, "look at m.map: KeyError: 'legend'"),
        (lambda: package_format(recognise=lambda _: None).recognise("m.map"), ConfigError, "None is not a valid"),
        (lambda: list(package_format(read=broken).read("m.map")), ManifestError, "read m.map: KeyError: 'legend'"),
        (lambda: list(package_format(read=lambda _: None).read("m.map")), ManifestError, "not iterable"),
        (lambda: list(package_format(read=lambda _: [7]).read("m.map")), ManifestError, "7, which is not a Sample"),
        (lambda: list(package_format(read=samples(caption=7)).read("m.map")), ManifestError, "`caption` is 7"),
        (lambda: list(package_format(read=samples(caption="\udc80")).read("m.map")), ManifestError, "'\\udc80'"),
        (lambda: write(package_format(write=broken)), OutputError, "rows of m.map: KeyError: 'legend'"),
        (lambda: write(package_format(write=lambda *_, **__: None)), OutputError, "but returned None"),
    ],
)
def test_the_package_is_named(call: Callable[[], object], kind: type[MmcheckError], told: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert "the format 'maps' of the package far-away 2.5" in caught.value.message
    assert told in caught.value.message
    assert caught.value.hint


def test_a_bad_sample_is_told_with_its_row() -> None:
    with pytest.raises(ManifestError, match=r"^m\.map:2: "):
        list(package_format(read=samples(language=b"en")).read("m.map"))


def test_its_own_errors_stay_as_they_are() -> None:
    def refuse(manifest: str) -> Iterator[Sample]:
        raise ManifestError("not a map.")

    with pytest.raises(ManifestError, match=r"^not a map\.$"):
        list(package_format(read=refuse).read("m.map"))


def test_a_sound_format_is_passed_on() -> None:
    form = package_format(recognise=lambda _: 4, read=samples(caption="a lake"), write=lambda *_, **__: [Path("out/m")])
    assert form.recognise("m.map") == 4
    assert [sample.caption for sample in form.read("m.map")] == [None, "a lake"]
    assert write(form) == [Path("out/m")]

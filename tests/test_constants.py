"""Every number in the code says what it is and where it comes from, and ``docs/constants.md`` lists them all."""

from __future__ import annotations

import pytest

from scripts.list_constants import PAGE, find_constants, read_constants, render


def test_every_constant_says_where_its_value_comes_from() -> None:
    silent = [f"{found.file}: {found.names}" for found in find_constants() if not (found.meaning and found.source)]
    assert silent == [], (
        "say so in the docstring or the comment: our own choice: why; measured: what; given by ...; taken from ..."
    )


def test_the_page_lists_them_as_they_are() -> None:
    assert PAGE.read_text("utf-8") == render(), "run `python scripts/list_constants.py`"


@pytest.mark.parametrize(
    "code",
    [
        'LIMIT = 0.5\n"""Share of rows. Our own choice: half."""\n',
        "LIMIT = 0.5  # share of rows; our own choice: half\n",
        "# Share of rows.\n# Our own choice: half.\nLIMIT = 0.5\n",
    ],
)
def test_docstrings_and_comments_are_read(code: str) -> None:
    (found,) = read_constants(code, "module.py")
    assert (found.names, found.value) == ("LIMIT", "0.5")
    assert (found.meaning.lower(), found.source.lower()) == ("share of rows", "our own choice: half")


@pytest.mark.parametrize(
    "code", ["LIMIT = 0.5\n", "A, B = 1, 1 << 20\n", 'LIMITS = {"a": 0.5}\n', "C: float = -0.5\n", "D = 2 * A\n"]
)
def test_numbers_without_a_text_are_seen(code: str) -> None:
    (found,) = read_constants(code, "module.py")
    assert found.source == ""


@pytest.mark.parametrize("code", ['NAME = "a"\n', "IS_ON = True\n", "_VERSION = 3\n", "ROWS = make(3)\n", "A = B[0]\n"])
def test_what_is_no_constant_number_is_left_out(code: str) -> None:
    assert list(read_constants(code, "module.py")) == []

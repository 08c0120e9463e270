from __future__ import annotations

import pytest

from mmcheck.core.sentences import count_noun, percent


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 images"), (1, "1 image"), (2, "2 images"), (1_234_567, "1,234,567 images")]
)
def test_one_is_singular(count, shown):
    assert count_noun(count, "image") == shown


def test_the_plural_may_be_given():
    assert count_noun(1, "row is", "rows are") == "1 row is"
    assert count_noun(3, "row is", "rows are") == "3 rows are"


@pytest.mark.parametrize(
    ("share", "shown"), [(0.0, "0.0"), (1.5e-9, "under 0.1"), (0.0005, "0.1"), (0.1234, "12.3"), (1.0, "100.0")]
)
def test_something_is_never_shown_as_nothing(share, shown):
    assert percent(share) == shown

from __future__ import annotations

import pickle

import pytest

from mmcheck.core import errors


def test_exit_codes_say_who_must_act() -> None:
    assert errors.ConfigError("x").exit_code == errors.EXIT_USER == 2
    assert errors.RunError("x").exit_code == errors.EXIT_RUN == 3
    assert errors.MediaError("x").exit_code == 3
    assert errors.EXIT_VERDICT == 1


def test_the_hint_stands_behind_an_empty_line() -> None:
    assert str(errors.ConfigError("wrong", hint="do this")) == "wrong\n\nhint: do this"
    assert str(errors.ConfigError("wrong")) == "wrong"


@pytest.mark.parametrize(
    "error", [errors.ConfigError("m", hint="h"), errors.MediaError("m", cause="missing", hint="h")]
)
def test_errors_survive_a_process_border(error: errors.MmcheckError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert (back.message, back.hint) == ("m", "h")
    assert getattr(back, "cause", None) == getattr(error, "cause", None)

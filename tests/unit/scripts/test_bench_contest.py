from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from scripts.benchmarks.contest import Entry, take_turn

TELLS = "import json; block = bytearray(60 << 20); print(json.dumps({'items': 3, 'seconds': 1.5}))"


def test_a_small_program_has_a_peak_of_its_own() -> None:
    block = bytearray(400 << 20)
    block[::4096] = b"x" * len(block[::4096])
    turn = take_turn(Entry(name="small", command=(sys.executable, "-c", TELLS)), 60)
    assert turn.rate == 2.0
    assert 60 < turn.peak_mib < 200
    assert turn.cpu > 0


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("raise SystemExit('no weights')", "exit code 1: no weights"),
        ("print('nothing')", "no result was told"),
        ("import time; time.sleep(60)", "stopped after 1 s"),
    ],
)
def test_a_program_that_fails_is_told(code: str, told: str) -> None:
    with pytest.raises(RuntimeError, match=told):
        take_turn(Entry(name="broken", command=(sys.executable, "-c", code)), 1 if "sleep" in code else 60)

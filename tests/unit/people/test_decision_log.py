"""The log of decisions loses nothing and tells what it cannot read."""

from __future__ import annotations

import json
import multiprocessing
import resource
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.core.errors import OutputError, UserError
from mmcheck.people.decision import Choice, Decision
from mmcheck.people.decision_log import append_decisions, import_decisions, read_decisions

TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)


def say(sample_id: str = "a", choice: str = "keep", reviewer: str = "ann", **more: object) -> Decision:
    return Decision.model_validate({"sample_id": sample_id, "choice": choice, "reviewer": reviewer, **more})


@given(
    sample_id=TEXTS,
    reviewer=TEXTS.map(str.strip).filter(bool),
    text=TEXTS,
    note=st.none() | TEXTS,
    time=st.datetimes(timezones=st.just(UTC)),
    probability=st.none() | st.floats(0, 1, exclude_min=True),
)
def test_a_record_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory,
    sample_id: str,
    reviewer: str,
    text: str,
    note: str | None,
    time: datetime,
    probability: float | None,
) -> None:
    path = tmp_path_factory.mktemp("log") / "review" / "decisions.jsonl"
    one = say(sample_id, "edit", reviewer, text=text, note=note, time=time, probability=probability, codes=("x.y",))
    append_decisions(path, [one])
    assert read_decisions(path).decisions == (one,)
    assert len(path.read_bytes().splitlines()) == 1


def test_no_log_is_an_empty_one(tmp_path: Path) -> None:
    assert read_decisions(tmp_path / "none.jsonl").decisions == ()


def test_a_line_cut_by_a_crash_is_told_and_the_next_one_stands_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    first, second, third = say("a"), say("b"), say("c")
    append_decisions(path, [first, second])
    path.write_bytes(path.read_bytes()[:-20])
    append_decisions(path, [third])
    found = read_decisions(path)
    assert found.decisions == (first, third)
    assert "line 2 is no decision" in (found.tell_unread() or "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"choice": "perhaps"}, "choice"),
        ({"choice": "edit"}, "an edit needs one"),
        ({"text": "new"}, "belongs to an edit"),
        ({"choice": "undo"}, "undo needs it"),
        ({"time": "2026-05-01T09:30:00"}, "time zone"),
        ({"probability": 0}, "probability"),
        ({"reviewer": " "}, "reviewer"),
        ({"schema": "mmcheck.decision/9"}, "schema"),
        ({"sample_id": None}, "sample_id"),
    ],
)
def test_what_is_no_decision_is_told_by_line_and_reason(tmp_path: Path, change: dict[str, object], said: str) -> None:
    path = tmp_path / "decisions.jsonl"
    path.write_text(json.dumps({**json.loads(say().to_line()), **change}) + "\n", "utf-8")
    found = read_decisions(path)
    assert found.decisions == ()
    assert said in found.unread[0]
    assert "line 1" in found.unread[0]


@pytest.mark.parametrize("junk", [b"\x00\xff\xfe", b"[]", b"{", b'"' + b"x" * 9_000_000, b"[" * 100_000])
def test_junk_between_records_costs_no_record(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "decisions.jsonl"
    first, last = say("a"), say("b")
    path.write_bytes(first.to_line() + junk + b"\n" + last.to_line())
    found = read_decisions(path)
    assert found.decisions == (first, last)
    assert len(found.unread) == 1
    assert len(found.unread[0]) < 1000


def test_a_full_disk_leaves_no_half_record(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    first = say("a")
    append_decisions(path, [first])
    size = path.stat().st_size
    child = multiprocessing.get_context("spawn").Process(target=_append_beyond, args=(path, size + 100))
    child.start()
    child.join(60)
    assert child.exitcode == 17
    assert read_decisions(path).decisions == (first,)
    assert read_decisions(path).unread == ()


def _append_beyond(path: Path, limit: int) -> None:
    import signal
    import sys

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        append_decisions(path, [say("b"), say("c")])
    except OutputError:
        sys.exit(17)


def test_two_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_many, args=(path, name)) for name in ("ann", "bo")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    found = read_decisions(path)
    assert found.unread == ()
    assert len(found.decisions) == 100


def _append_many(path: Path, reviewer: str) -> None:
    for number in range(50):
        append_decisions(path, [say(str(number), reviewer=reviewer)])


def test_what_is_imported_twice_counts_once(tmp_path: Path) -> None:
    source, log = tmp_path / "export.jsonl", tmp_path / "review" / "decisions.jsonl"
    append_decisions(source, [say("a"), say("b")])
    assert import_decisions(source, log)[0] == 2
    append_decisions(source, [say("c")])
    assert import_decisions(source, log)[0] == 1
    assert [one.sample_id for one in read_decisions(log).decisions] == ["a", "b", "c"]


def test_a_file_without_decisions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text('{"image": "a.jpg"}\n', "utf-8")
    with pytest.raises(UserError, match="holds no decisions"):
        import_decisions(tmp_path / "data.jsonl", tmp_path / "log.jsonl")
    with pytest.raises(UserError, match="no file"):
        import_decisions(tmp_path / "none.jsonl", tmp_path / "log.jsonl")
    assert not (tmp_path / "log.jsonl").exists()


def test_every_choice_makes_a_record() -> None:
    more = {"edit": {"text": "new"}, "undo": {"undoes": "x"}}
    for choice in Choice:
        assert say(choice=choice.value, **more.get(choice.value, {})).choice is choice

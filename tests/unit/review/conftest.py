"""Runs to be reviewed, and a browser's view of the review without a network."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmcheck.people.decision import Decision
from mmcheck.people.decision_log import log_path, read_decisions
from mmcheck.review.app import make_app
from mmcheck.review.desk import Desk
from mmcheck.review.guard import Guard
from mmcheck.review.media_server import MediaServer
from mmcheck.review.serve import open_desk
from mmcheck.review.worklist import Sampling
from mmcheck.store.run_folder import RunFolder

_FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
BASE = "http://127.0.0.1:8765"


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, _FIXTURES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Visitor:
    """One browser that was let in."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.media = MediaServer(desk.run, desk.config)
        self.tokens: list[str] = []
        self.guard = Guard(make_app(desk, self.media), "mmcheck_review_8765", self.tokens.append)
        self.client = TestClient(self.guard, base_url=BASE, follow_redirects=False)

    def enter(self) -> Visitor:
        answer = self.client.get("/", params={"token": self.guard.token})
        assert answer.status_code == 303
        return self

    def page(self, path: str = "/") -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def fields(self, path: str = "/") -> dict[str, str]:
        """Return the hidden fields of the form that decides about the pair on a page."""
        form = self.page(path).partition('<form id="decision"')[2].partition("</form>")[0]
        return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))

    def post(self, path: str, origin: str | None = BASE, **fields: str) -> Any:
        headers = {} if origin is None else {"origin": origin}
        return self.client.post(path, data=fields, headers=headers)

    def decide(self, choice: str, path: str = "/", **more: str) -> dict[str, str]:
        fields = {**self.fields(path), "choice": choice, "seconds": "4.5", **more}
        answer = self.post("/decide", **fields)
        assert answer.status_code == 303, answer.text
        return fields

    def log(self) -> list[Decision]:
        found = read_decisions(log_path(self.desk.run.path))
        assert found.unread == ()
        return list(found.decisions)


@pytest.fixture(scope="session")
def report_run() -> ModuleType:
    return _load("report_run")


@pytest.fixture(scope="session")
def review_run() -> ModuleType:
    return _load("review_run")


@pytest.fixture
def run(report_run: ModuleType, review_run: ModuleType, tmp_path: Path) -> RunFolder:
    found: RunFolder = review_run.make_run(report_run, tmp_path)
    return found


@pytest.fixture
def visit() -> Iterator[Callable[..., Visitor]]:
    """``visit(run, "borderline", reviewer="ann", blind=True)``: a browser on the review of a run."""
    made: list[Visitor] = []

    def make(run: RunFolder, sample: str = "borderline", *, reviewer: str = "ann", **options: Any) -> Visitor:
        made.append(Visitor(open_desk(run.path, Sampling(sample), reviewer=reviewer, **options)))
        return made[-1].enter()

    yield make
    for one in made:
        one.media.close()

"""Who may talk to the review."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmcheck.store.run_folder import RunFolder

Visit = Callable[..., Any]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "10.0.0.7:8765", ""])
def test_a_foreign_host_is_refused_even_with_the_cookie(run: RunFolder, visit: Visit, host: str) -> None:
    answer = visit(run).client.get("/", headers={"host": host})
    assert answer.status_code == 421
    assert "caption" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:9999", "localhost:8765", "[::1]:8765"])
def test_a_tunnel_to_another_port_is_let_in(run: RunFolder, visit: Visit, host: str) -> None:
    visitor = visit(run)
    cookie = f"mmcheck_review_8765={visitor.guard._session}"
    assert visitor.client.get("/", headers={"host": host, "cookie": cookie}).status_code == 200


def test_without_the_token_nothing_is_shown(run: RunFolder, visit: Visit) -> None:
    visitor = visit(run)
    stranger = TestClient(visitor.guard, base_url="http://127.0.0.1:8765", follow_redirects=False)
    for path in ("/", "/row/3", "/media/3/page", "/grid", "/nothing"):
        assert stranger.get(path).status_code == 403
        assert stranger.get(path, headers={"cookie": "mmcheck_review_8765=guess"}).status_code == 403
    posted = stranger.post("/decide", data={"row": "3"}, headers={"origin": "http://127.0.0.1:8765"})
    assert posted.status_code == 403
    assert visitor.log() == []


def test_a_token_opens_once_and_the_next_one_is_told(run: RunFolder, visit: Visit) -> None:
    visitor = visit(run)
    (second,) = visitor.tokens
    used = TestClient(visitor.guard, base_url="http://127.0.0.1:8765", follow_redirects=False)
    assert used.get("/", params={"token": "wrong"}).status_code == 403
    answer = used.get("/", params={"token": second})
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    third = TestClient(visitor.guard, base_url="http://127.0.0.1:8765", follow_redirects=False)
    assert third.get("/", params={"token": second}).status_code == 403


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "http://127.0.0.1:1", "https://127.0.0.1:8765"]
)
@pytest.mark.parametrize("path", ["/decide", "/undo"])
def test_pages_of_other_sites_write_nothing(run: RunFolder, visit: Visit, origin: str | None, path: str) -> None:
    visitor = visit(run)
    visitor.decide("keep")
    answer = visitor.post(path, origin=origin, **{**visitor.fields(), "choice": "quarantine"})
    assert answer.status_code == 403
    assert [one.choice for one in visitor.log()] == ["keep"]


def test_pages_of_other_sites_embed_no_media(run: RunFolder, visit: Visit) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert visit(run).client.get("/media/3/page", headers=headers).status_code == 403


def test_every_answer_carries_a_strict_policy_with_a_fresh_nonce(run: RunFolder, visit: Visit) -> None:
    visitor = visit(run)
    answers = [visitor.client.get(path) for path in ("/", "/", "/media/3/page", "/nothing")]
    nonces = set()
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        nonces |= set(re.findall(r"script-src 'nonce-([^']+)'", policy))
    assert len(nonces) == 4
    assert all(
        f'nonce="{nonce}"' in answers[0].text
        for nonce in re.findall(r"nonce-([^']+)'", answers[0].headers["content-security-policy"])
    )

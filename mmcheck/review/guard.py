"""Who may talk to the review: a browser on this machine that was given the address, and no page of another site.

The server listens on the loopback interface alone, but every page that the user has open in a browser can send requests
there too. So each request must name a loopback host (else a foreign name was made to point here), carry the cookie that
a token of one use was traded for, and, where it writes, come from a page of the review itself.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import URL, Headers
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Names that nobody else can point here. Others would be of a page that rebinds its own name to this machine."""
_BYTES = 32  # random bytes of tokens and cookies; our own choice: 256 bits cannot be guessed


class Guard:
    """Lets requests through to the application, or refuses them.

    Args:
        app: The application.
        cookie: Name of the cookie; it should hold the port, for cookies do not tell ports apart.
        on_entry: Called with the next token once one was used, so that another browser can be let in.
    """

    def __init__(self, app: ASGIApp, cookie: str, on_entry: Callable[[str], None]) -> None:
        self._app = app
        self._cookie = cookie
        self._on_entry = on_entry
        self._session = secrets.token_urlsafe(_BYTES)
        self.token = secrets.token_urlsafe(_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await _refuse("only http is spoken here", 400)(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["nonce"] = nonce
        answer = self._judge(HTTPConnection(scope), str(scope["method"]))

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_headers(nonce)]
            await send(message)

        await (answer or self._app)(scope, receive, send_safely)

    def _judge(self, request: HTTPConnection, method: str) -> Response | None:
        """Return the answer to a request that does not pass; None: it passes."""
        headers = request.headers
        if not is_loopback(headers):
            return _refuse("this address is not for other hosts", 421)
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return _refuse("other sites may not ask for this", 403)
        if method not in ("GET", "HEAD") and not _is_own_origin(headers):
            return _refuse("only pages of the review may write", 403)
        given = request.query_params.get("token")
        if given is not None and method == "GET":
            if not hmac.compare_digest(given.encode(), self.token.encode()):
                return _refuse("this address was used already; the terminal shows the next one", 403)
            return self._let_in(request.url)
        cookie = request.cookies.get(self._cookie, "")
        if not hmac.compare_digest(cookie.encode(), self._session.encode()):
            return _refuse("open the address that `mmcheck review` printed in the terminal", 403)
        return None

    def _let_in(self, url: URL) -> Response:
        self.token = secrets.token_urlsafe(_BYTES)
        self._on_entry(self.token)
        answer = RedirectResponse(url.path, 303)
        answer.set_cookie(self._cookie, self._session, httponly=True, samesite="strict", path="/")
        return answer


def is_loopback(headers: Headers) -> bool:
    """Return whether a request names this machine, by whatever port: a tunnel may have another one."""
    try:
        host = urlsplit(f"//{headers.get('host', '')}").hostname
    except ValueError:
        return False
    return host in LOOPBACK


def _is_own_origin(headers: Headers) -> bool:
    return headers.get("origin") == f"http://{headers.get('host')}" and headers.get("sec-fetch-site") in (
        None,
        "same-origin",
    )


def _headers(nonce: str) -> list[tuple[bytes, bytes]]:
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; "
        "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"same-origin"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
    ]


def _refuse(told: str, status: int) -> Response:
    return PlainTextResponse(f"mmcheck review: {told}.\n", status)

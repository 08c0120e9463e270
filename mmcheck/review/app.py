"""The pages of the review: one pair, a grid of pairs, the end; and the two things that write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from anyio import CapacityLimiter, to_thread
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from mmcheck.core.errors import MediaError, MmcheckError, UserError
from mmcheck.people.decision import Choice
from mmcheck.report.page import asset, environment
from mmcheck.report.shown_text import show_plain
from mmcheck.review.byte_ranges import answer_range
from mmcheck.review.desk import Desk
from mmcheck.review.media_server import SIDES, MediaServer
from mmcheck.review.page_values import describe_item, describe_progress, tell_taken_back
from mmcheck.review.said import Said
from mmcheck.review.shown_item import show_asides, show_item

PACKAGE = "mmcheck.review"
_MAX_BODY = 4_000_000
"""Bytes of a form. Our own choice: the longest text that a record may hold, with its percent signs."""
_MEDIA_THREADS = 3  # media decoded at a time; our own choice: pages are never kept waiting by them
_GRID = 24  # pairs of a grid; our own choice: two screens
_MAX_SECONDS = 3600.0  # seconds of one look that are believed; our own choice: beyond, the page was left open

Handler = Callable[[Request], Awaitable[Response]]


def make_app(desk: Desk, media: MediaServer) -> Starlette:
    """Return the application, without the guard that stands before it.

    Args:
        desk: The reviewer's work.
        media: Gives out the run's media.
    """
    pages = _Pages(desk, media)
    return Starlette(
        routes=[
            Route("/", pages.next, methods=["GET"]),
            Route("/row/{row:int}", pages.row, methods=["GET"]),
            Route("/grid", pages.grid, methods=["GET"]),
            Route("/decide", pages.decide, methods=["POST"]),
            Route("/undo", pages.undo, methods=["POST"]),
            Route("/media/{row:int}/{what}", pages.medium, methods=["GET"]),
        ],
        exception_handlers={404: _missing, 405: _missing},
    )


async def _missing(request: Request, error: Exception) -> Response:
    return PlainTextResponse("mmcheck review: there is nothing here.\n", 404)


class _Pages:
    def __init__(self, desk: Desk, media: MediaServer) -> None:
        self._desk = desk
        self._media = media
        self._limiter = CapacityLimiter(_MEDIA_THREADS)

    async def next(self, request: Request) -> Response:
        return await to_thread.run_sync(partial(self._safely, request, self._show_next))

    async def row(self, request: Request) -> Response:
        return await to_thread.run_sync(partial(self._safely, request, self._show_row))

    async def grid(self, request: Request) -> Response:
        return await to_thread.run_sync(partial(self._safely, request, self._show_grid))

    async def decide(self, request: Request) -> Response:
        form = await _read_form(request)
        if form is None:
            return PlainTextResponse("mmcheck review: the text is too long.\n", 413)
        return await to_thread.run_sync(partial(self._safely, request, partial(self._decide, form=form)))

    async def undo(self, request: Request) -> Response:
        return await to_thread.run_sync(partial(self._safely, request, self._undo))

    async def medium(self, request: Request) -> Response:
        row, what = int(request.path_params["row"]), str(request.path_params["what"])
        if what == "ahead":
            await to_thread.run_sync(self._media.prepare, row, limiter=self._limiter)
            return Response(status_code=204)
        if what != "sound" and what not in SIDES:
            return PlainTextResponse("there is nothing here", 404)
        make = partial(self._media.sound, row) if what == "sound" else partial(self._media.picture, row, what)
        try:
            # Threads of their own, so that a medium that takes long keeps no page waiting.
            made = await to_thread.run_sync(make, limiter=self._limiter)
        except MediaError as error:
            return PlainTextResponse(show_plain(error.message, 300), 404, headers={"cache-control": "no-store"})
        except MmcheckError as error:
            return PlainTextResponse(show_plain(error.message, 300), 500, headers={"cache-control": "no-store"})
        return answer_range(made.data, made.media_type, request.headers.get("range"))

    def _safely(self, request: Request, answer: Callable[[Request], Response]) -> Response:
        try:
            return answer(request)
        except MmcheckError as error:
            status = HTTPStatus.CONFLICT if isinstance(error, UserError) else HTTPStatus.INTERNAL_SERVER_ERROR
            told = show_plain(error.message, 600), show_plain(error.hint, 600) if error.hint else None
            return self._render(request, "trouble.html.j2", status, message=told[0], hint=told[1])

    def _show_next(self, request: Request) -> Response:
        rows = self._desk.upcoming()
        if rows:
            return self._show(request, rows[0])
        return self._render(request, "done.html.j2", is_empty=self._desk.total == 0, folder=_folder(self._desk))

    def _show_row(self, request: Request) -> Response:
        row = int(request.path_params["row"])
        if not 0 <= row < self._desk.run.record.rows:
            raise UserError(f"the run has no row {row}.")
        return self._show(request, row)

    def _show(self, request: Request, row: int) -> Response:
        desk = self._desk
        item = show_item(desk.run, desk.columns, row, desk.planted(row), blind=desk.blind)
        values = describe_item(desk, row, item)
        notice = show_plain(request.query_params["told"], 300) if "told" in request.query_params else None
        ahead = desk.upcoming(behind=row)
        return self._render(
            request, "review.html.j2", item=item, id=uuid4().hex, ahead=ahead, notice=notice, row=row, **values
        )

    def _show_grid(self, request: Request) -> Response:
        page = max(0, _to_int(request.query_params.get("page")) or 0)
        left = "left" in request.query_params
        found = self._desk.left_rows() if left else self._desk.open_rows()
        rows, total = found[page * _GRID : (page + 1) * _GRID].tolist(), len(found)
        return self._render(
            request,
            "grid.html.j2",
            asides=show_asides(self._desk.run, rows),
            page=page,
            pages=-(-total // _GRID),
            open_total=total,
            left_ones=left,
        )

    def _decide(self, request: Request, form: dict[str, str]) -> Response:
        row = _to_int(form.get("row"))
        if row is None or not 0 <= row < self._desk.run.record.rows:
            raise UserError("the form names no row of this run.", hint="nothing was noted; look at the row again.")
        said = _read_said(form)
        codes = () if self._desk.planted(row) else self._codes(row)
        self._desk.decide(row, said, codes)
        return RedirectResponse("/", HTTPStatus.SEE_OTHER)

    def _codes(self, row: int) -> tuple[str, ...]:
        item = show_item(self._desk.run, self._desk.columns, row, None, blind=True)
        return item.codes

    def _undo(self, request: Request) -> Response:
        row, taken = self._desk.undo()
        if row is None:
            return RedirectResponse("/", HTTPStatus.SEE_OTHER)
        return RedirectResponse(f"/row/{row}?{tell_taken_back(taken)}", HTTPStatus.SEE_OTHER)

    def _render(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        desk = self._desk
        page = environment(PACKAGE).get_template(template)
        html = page.render(
            nonce=request.state.nonce,
            style=Markup(asset("report.css") + asset("review.css", PACKAGE)),
            script=Markup(asset("review.js", PACKAGE)),
            name=show_plain(desk.run.path.resolve().name),
            reviewer=show_plain(desk.reviewer, 60),
            sampling=desk.worklist.sampling.value,
            blind=desk.blind,
            **describe_progress(desk),
            **values,
        )
        return HTMLResponse(html, status, headers={"cache-control": "no-store"})


def _read_said(form: dict[str, str]) -> Said:
    try:
        choice = Choice(form.get("choice", ""))
    except ValueError as error:
        raise UserError("the form says nothing that can be noted.", hint="press one of the buttons.") from error
    if choice is Choice.UNDO:
        raise UserError("an undo is no decision about a row.")
    text = None
    if choice is Choice.EDIT:
        # Browsers send every line end as CR LF.
        text = form.get("text", "").replace("\r\n", "\n").strip()
        if not text:
            raise UserError("the new text is empty; nothing was noted.", hint="quarantine the pair instead.")
        if text == form.get("was", "").replace("\r\n", "\n").strip():
            raise UserError("the text was not changed; nothing was noted.", hint="keep the pair if the text is right.")
    try:
        seconds: float | None = min(max(float(form.get("seconds", "")), 0.0), _MAX_SECONDS)
    except ValueError:
        seconds = None
    return Said(
        choice=choice,
        id=form.get("id", "")[:64] or uuid4().hex,
        content=form.get("content") or None,
        text=text,
        pair=(form.get("pair") or None) if choice is Choice.EDIT else None,
        note=form.get("note", "").strip()[:10_000] or None,
        seconds=seconds,
        group=form.get("group") or None,
    )


async def _read_form(request: Request) -> dict[str, str] | None:
    """Return the fields of a form; None if it is too long."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY:
            return None
    fields = parse_qs(body.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=50)
    return {name: values[-1] for name, values in fields.items()}


def _to_int(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 16 else None


def _folder(desk: Desk) -> str:
    return show_plain(desk.run.path, 400)

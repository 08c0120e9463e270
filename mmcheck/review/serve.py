"""Runs the review on this machine until it is stopped."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import uvicorn

from mmcheck.core.errors import UserError
from mmcheck.review.app import make_app
from mmcheck.review.desk import Desk
from mmcheck.review.guard import Guard
from mmcheck.review.media_server import MediaServer
from mmcheck.review.run_columns import read_columns
from mmcheck.review.worklist import Sampling, choose_rows
from mmcheck.store.reading import require_complete
from mmcheck.store.run_folder import RunFolder

HOST = "127.0.0.1"


def open_desk(
    path: Path,
    sampling: Sampling,
    *,
    reviewer: str | None = None,
    count: int | None = None,
    blind: bool = False,
    exam: bool = False,
) -> Desk:
    """Return a reviewer's work on a sample of a run.

    Args:
        path: The run folder.
        sampling: Which rows.
        reviewer: Who decides; None: the name of the user of this machine.
        count: Rows at most; None: all.
        blind: Whether scores and findings are hidden.
        exam: Whether pairs that test the reviewer are planted; what is hidden is hidden then too.

    Raises:
        OutputError: If the folder is no run.
        RunError: If the run is not complete, was not judged, or is damaged.
        UserError: If there is no audit sample, or an exam cannot be made.
    """
    run = RunFolder(path)
    require_complete(run)
    _ = run.summary  # says how to go on where the run was not judged
    config, columns = run.config(), read_columns(run)
    work = choose_rows(run, config, columns, sampling, count)
    return Desk(run, config, columns, work, reviewer=reviewer or find_user(), blind=blind, exam=exam)


def find_user() -> str:
    """Return the name of the user of this machine.

    Raises:
        UserError: If there is none.
    """
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:
        raise UserError("this user has no name.", hint="say who decides: --reviewer NAME.") from error


def serve(desk: Desk, port: int, tell: Callable[[str, bool], None]) -> None:
    """Answer requests until the process is interrupted.

    Args:
        desk: The reviewer's work.
        port: Port on the loopback interface; 0: any that is free.
        tell: Called with the address to open (and True), and with a fresh one for another browser when one was used
            (and False).

    Raises:
        UserError: If the port is taken.
    """
    with closing(_listen(port)) as listener:
        number = int(listener.getsockname()[1])
        media = MediaServer(desk.run, desk.config)

        def tell_address(token: str, first: bool = False) -> None:
            tell(f"http://{HOST}:{number}/?token={token}", first)

        guard = Guard(make_app(desk, media), f"mmcheck_review_{number}", tell_address)
        tell_address(guard.token, True)
        # No access log: it would hold the tokens.
        config = uvicorn.Config(
            guard, log_level="error", access_log=False, server_header=False, timeout_graceful_shutdown=1, ws="none"
        )
        with closing(media), suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen()  # so that whoever opens the address at once waits, instead of being refused
    except OSError as error:
        listener.close()
        raise UserError(
            f"port {port} cannot be used: {error.strerror or error}.", hint="leave out --port: a free one is taken."
        ) from error
    return listener

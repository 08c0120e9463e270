"""The command line's root: registers the commands and turns errors into messages and exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from typing import NoReturn

import typer

from mmcheck.cli.agreement import agreement
from mmcheck.cli.apply import apply
from mmcheck.cli.audit import audit
from mmcheck.cli.card import card
from mmcheck.cli.compare import compare
from mmcheck.cli.config import app as config_app
from mmcheck.cli.console import guard_console
from mmcheck.cli.coverage import coverage
from mmcheck.cli.demo import demo
from mmcheck.cli.doctor import doctor
from mmcheck.cli.explain import explain
from mmcheck.cli.export import export
from mmcheck.cli.gate import gate
from mmcheck.cli.judge import judge
from mmcheck.cli.listing import list_parts
from mmcheck.cli.models import app as models_app
from mmcheck.cli.overlap import overlap
from mmcheck.cli.patch import patch
from mmcheck.cli.repair import repair
from mmcheck.cli.report import report
from mmcheck.cli.review import review
from mmcheck.cli.scan import scan
from mmcheck.cli.worst import worst
from mmcheck.core.errors import EXIT_INTERRUPTED, EXIT_RUN, EXIT_USER, MmcheckError

# The base of all errors in what the user typed. Typer carries its own copy of click since 0.20 and names this class
# nowhere, so it is taken from an error that it does name.
_UsageError: type[Exception] = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="mmcheck",
    help="Find the wrong pairs in image-caption and audio-transcript datasets before you train on them.",
    epilog="Start with `mmcheck demo`, then `mmcheck scan MANIFEST --out RUN`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from mmcheck.core.version import VERSION

        typer.echo(f"mmcheck {VERSION}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", help="Print the version.", callback=_version, is_eager=True),
) -> None:
    """Find the wrong pairs in image-caption and audio-transcript datasets before you train on them."""


app.command("demo")(demo)
app.command("scan")(scan)
app.command("judge")(judge)
app.command("report")(report)
app.command("worst")(worst)
app.command("explain")(explain)
app.command("card")(card)
app.command("review")(review)
app.command("audit")(audit)
app.command("agreement")(agreement)
app.command("repair")(repair)
app.command("overlap")(overlap)
app.command("coverage")(coverage)
app.command("gate")(gate)
app.command("compare")(compare)
app.command("export")(export)
app.command("patch")(patch)
app.command("apply")(apply)
app.add_typer(models_app, name="models")
app.add_typer(config_app, name="config")
app.command("list")(list_parts)
app.command("doctor")(doctor)


_INTERRUPTED = "interrupted; finished work is kept, and the same command continues it."


def main() -> None:
    """Run the command line and exit.

    0 done, 1 a verdict went against the data, 2 wrong input or config, 3 the run failed, 130 interrupted.
    """
    # Arrow's own allocator keeps for each thread what was freed: judging took half as much memory again, no faster.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with guard_console():
        code = _run()
    if code == EXIT_INTERRUPTED:
        _leave_at_once()
    sys.exit(code)


def _leave_at_once() -> NoReturn:
    """Exit without waiting: all is stored, and native threads at work would turn a second Ctrl-C into an abort."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(EXIT_INTERRUPTED)


def _run() -> int:
    try:
        code = app(standalone_mode=False)
    except MmcheckError as error:
        _say(f"error: {error}")
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        _say(_INTERRUPTED)
        return EXIT_INTERRUPTED
    except OSError as error:
        # What the layers below do not turn into a sentence of their own: permissions, names too long, a full disk.
        _say(f"error: {error.filename or 'the file system'}: {error.strerror or error}.")
        return EXIT_RUN
    except typer.Exit as error:
        return int(error.exit_code)
    except _UsageError as error:
        error.show()  # type: ignore[attr-defined]
        return EXIT_USER
    except Exception:  # noqa: BLE001 - whatever it is, the exit code must not be that of a verdict
        # Nothing that anybody foresaw; Python's own exit code for it would be 1.
        traceback.print_exc()
        return EXIT_RUN
    if code == EXIT_INTERRUPTED:
        # Typer turns Ctrl-C into this code by itself.
        _say(_INTERRUPTED)
    return code if isinstance(code, int) else 0


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")


if __name__ == "__main__":
    main()

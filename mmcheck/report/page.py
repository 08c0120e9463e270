"""What every page is made with: templates, assets and the content security policy.

Whatever a manifest holds is data: the templates escape everything, a page's own script and style are named by their
hash in the policy, and nothing is loaded from anywhere. The pages of the rooms (coverage, overlap, repair) are built of
the report's widgets, so a name is looked up in the page's own package first and in the report's templates then.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
from functools import cache
from importlib.resources.abc import Traversable
from typing import Any

import jinja2
from markupsafe import Markup

from mmcheck.report import media_embed
from mmcheck.report.shown_text import format_count, format_share, format_value


@cache
def asset(name: str, package: str = "mmcheck.report") -> str:
    """Return a style, script or template of a package, or the report's own of that name.

    Args:
        name: File name.
        package: Dotted name of the package whose page it is.
    """
    found: Traversable = importlib.resources.files(package) / name
    if not found.is_file():
        found = importlib.resources.files("mmcheck.report") / "templates" / name
    return found.read_text("utf-8")


@cache
def environment(package: str = "mmcheck.report") -> jinja2.Environment:
    """Return the templates of a package over those of the report, everything escaped."""
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: asset(name, package)),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"count": format_count, "number": format_value, "share": _share, "ticks": _without_ticks}
    made.globals |= {"wave_width": media_embed.WAVE_WIDTH, "wave_height": media_embed.WAVE_HEIGHT}
    return made


def render_page(package: str, template: str, *, style: str, script: str | None = None, **values: Any) -> str:
    """Return a page as one text that needs nothing else.

    Args:
        package: Dotted name of the package whose page it is.
        template: File name of its template.
        style: Its style.
        script: Its script; None: it has none.
        values: What the template shows.
    """
    if script is not None:
        values["script"] = Markup(script)
    found = environment(package).get_template(template)
    return found.render(style=Markup(style), policy=content_policy(style, script), **values)


def content_policy(style: str, script: str | None = None) -> str:
    """Return the policy of a page: nothing from outside, and no style or script but these.

    Args:
        style: The page's style.
        script: Its script; None: it has none.
    """
    own = "" if script is None else f" script-src 'sha256-{_hash(script)}';"
    return (
        "default-src 'none'; img-src data:; media-src data:; "
        f"style-src 'sha256-{_hash(style)}';{own} base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _without_ticks(text: str) -> str:
    return text.replace("`", "")


def _share(value: float | None) -> str:
    return "" if value is None else format_share(round(value * 1_000_000), 1_000_000)

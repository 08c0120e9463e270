"""Write docs/codes.md: what every rule and finding code means. A test holds the page to its source."""

from __future__ import annotations

from pathlib import Path

from mmcheck.codes.render import render_page

PAGE = Path(__file__).resolve().parents[1] / "docs" / "codes.md"


def main() -> None:
    """Write the page."""
    PAGE.write_text(render_page(), "utf-8")


if __name__ == "__main__":
    main()

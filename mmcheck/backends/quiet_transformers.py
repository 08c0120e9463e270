"""Keeping transformers off the terminal."""

from __future__ import annotations

from typing import Any


def quiet_transformers() -> None:
    """Keep transformers' progress bars and advice off the terminal; errors still come as exceptions."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    logging.disable_progress_bar()
    logging.set_verbosity_error()

"""Conversations about images: who says what, which images they name, and what of it is judged.

LLaVA and ShareGPT (``{"from": "gpt", "value": "..."}``), ``messages`` (``{"role": "assistant", "content": "..."}``),
and content that is a list of parts (``{"type": "text", "text": "..."}``, ``{"type": "image", "image": "a.jpg"}``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mmcheck.core.types import Row

COLUMNS = ("conversations", "messages", "conversation")
"""Names of columns that hold turns."""

ChatParts = Literal["answers", "first", "last", "turns"]
"""Which texts are judged: all answers, the first, the last, or questions and answers."""

_ANSWERS = frozenset(("gpt", "assistant", "model", "chatgpt", "bot", "bing", "bard", "answer"))
_QUESTIONS = frozenset(("human", "user", "question"))
_IMAGE_PARTS = ("image", "image_url", "url", "path")
_TOKENS = re.compile(
    r"<(?:image|video|audio|img|imagehere|image_placeholder|im_start|im_end)>|</img>"
    r"|<\|(?:image|image_\d+|image_pad|vision_start|vision_end|video_pad|box_start|box_end)\|>"
    r"|<__dj__\w+>|<\|__dj__\w+\|>",
    re.IGNORECASE,
)
"""Marks that stand for media or ends of parts: no words of a text."""
_SPACES = re.compile(r"[ \t]*\n[ \t\n]*|[ \t]{2,}")


def find_chat(row: Row) -> str | None:
    """Return the column of a row that holds turns; None if none does."""
    return next((name for name in COLUMNS if is_chat(row.get(name))), None)


def is_chat(value: object) -> bool:
    """Return whether a cell is a list of turns."""
    if not isinstance(value, list) or not value or not isinstance(value[0], Mapping):
        return False
    keys = value[0].keys()
    return {"from", "value"} <= keys or {"role", "content"} <= keys or {"user", "assistant"} <= keys


def chat_text(turns: object, parts: ChatParts) -> str:
    """Return what is judged of a conversation, without the marks that stand for media.

    Args:
        turns: A list of turns.
        parts: Which of its texts.
    """
    return "\n".join(said.text for said in _judged(turns, parts))


def with_chat_text(turns: object, parts: ChatParts, text: str) -> list[Any] | None:
    """Return a copy of the turns in which the text that is judged is another, marks and all else as they are.

    Args:
        turns: A list of turns.
        parts: Which of its texts.
        text: The other text.

    Returns:
        None if what is judged is not one text, or does not stand in its turn just once.
    """
    judged = _judged(turns, parts)
    if len(judged) != 1 or not isinstance(turns, list):
        return None
    said = judged[0]
    turn = turns[said.turn]
    content = _replaced(turn[said.member], said.text, text)
    if content is None:
        return None
    return [{**turn, said.member: content} if number == said.turn else one for number, one in enumerate(turns)]


def without_tokens(text: str) -> str:
    """Return a text without the marks that stand for media, and without the space around them."""
    bare = _TOKENS.sub(" ", text)
    return text if bare == text else _SPACES.sub(lambda match: "\n" if "\n" in match.group() else " ", bare).strip()


def chat_images(turns: object) -> list[str]:
    """Return the paths and URLs of the images that the turns' parts name, in their order."""
    found: list[str] = []

    def note(name: str) -> str:
        found.append(name)
        return name

    with_images(turns, note)
    return found


def with_images(turns: object, change: Callable[[str], str]) -> Any:
    """Return a copy of the turns in which each image that a part names has the name that ``change`` gives it."""
    if not isinstance(turns, list):
        return turns
    return [_with_images(turn, change) if isinstance(turn, Mapping) else turn for turn in turns]


def _with_images(turn: Row, change: Callable[[str], str]) -> dict[str, Any]:
    changed = dict(turn)
    for name in ("content", "value"):
        if isinstance(parts := turn.get(name), list):
            changed[name] = [_part(part, change) for part in parts]
    return changed


def _part(part: object, change: Callable[[str], str]) -> object:
    if not isinstance(part, Mapping) or part.get("type") not in ("image", "image_url"):
        return part
    for name in _IMAGE_PARTS:
        value = part.get(name)
        if isinstance(value, str) and value:
            return {**part, name: change(value)}
        if isinstance(value, Mapping) and isinstance(value.get("url"), str):
            return {**part, name: {**value, "url": change(value["url"])}}
    return part


@dataclass(frozen=True, slots=True)
class _Said:
    """What one turn says."""

    role: str
    """``answer``, ``question`` or ``other``."""
    text: str
    """Without marks."""
    turn: int
    """Number of the turn, 0-based."""
    member: str
    """Where it stands in the turn."""


def _judged(turns: object, parts: ChatParts) -> list[_Said]:
    spoken = [said for said in _spoken(turns) if said.text]
    answers = [said for said in spoken if said.role == "answer"]
    if parts == "turns":
        return [said for said in spoken if said.role in ("answer", "question")]
    return {"first": answers[:1], "last": answers[-1:], "answers": answers}[parts]


def _spoken(turns: object) -> Iterator[_Said]:
    for number, turn in enumerate(turns if isinstance(turns, list) else ()):
        if not isinstance(turn, Mapping):
            continue
        if "assistant" in turn and "role" not in turn and "from" not in turn:
            yield _Said("question", without_tokens(_text(turn.get("user"))), number, "user")
            yield _Said("answer", without_tokens(_text(turn.get("assistant"))), number, "assistant")
            continue
        role = str(turn.get("role", turn.get("from"))).strip().lower()
        kind = "answer" if role in _ANSWERS else "question" if role in _QUESTIONS else "other"
        member = "content" if "content" in turn else "value"
        yield _Said(kind, without_tokens(_text(turn.get(member))), number, member)


def _replaced(content: object, old: str, new: str) -> object | None:
    """Return the content of a turn with another text; None if the old one does not stand in it just once."""
    if isinstance(content, str):
        return content.replace(old, new) if content.count(old) == 1 else None
    parts = content if isinstance(content, list) else []
    changed = [
        {**part, "text": _replaced(part.get("text"), old, new)}
        if isinstance(part, Mapping) and isinstance(part.get("text"), str) and old in part["text"]
        else _replaced(part, old, new)
        if isinstance(part, str) and old in part
        else part
        for part in parts
    ]
    return changed if _text(changed) != _text(parts) and _text(parts).count(old) == 1 else None


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") if isinstance(part, Mapping) else part for part in parts]
    return "\n".join(text for text in texts if isinstance(text, str))

"""The marks that tools and transcribers leave in transcripts, as patterns: who speaks, when, and what is heard besides.

A pattern fits only what nobody reads out. Brackets may hold spoken words, so what stands in them counts as a mark only
where it names a sound; a name before a colon only where it is written as a mark.
"""

from __future__ import annotations

import re

CONTROL_TOKEN = re.compile(r"<\|[^|<>\n]{0,60}\|>|</?s>|\[(?:CLS|SEP|PAD|MASK|BOS|EOS)\]")
"""Special tokens of language and speech models."""

_CLOCK = r"(?:\d{1,3}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?"
_CUE = rf"{_CLOCK}[ \t]*-->[ \t]*{_CLOCK}(?:[ \t]+\w+:[\w%,.-]+)*"
TIMESTAMP = re.compile(
    rf"(?:^\s*\d{{1,6}}[ \t]*\r?\n)?{_CUE}"
    rf"|[\[<]{_CLOCK}(?:[ \t]*[-\u2013>]+[ \t]*{_CLOCK})?[\]>]|\(\d{{1,3}}:\d{{2}}:\d{{2}}(?:[.,]\d{{1,3}})?\)"
    r"|(?:^|(?<=\s))\d{1,3}:\d{2}:\d{2}[.,]\d{1,3}(?!\w)"
    r"|(?:^[ \t]*|(?<=\n))\d{1,2}:\d{2}:\d{2}(?!\w)[ \t]*[-:]?"
    r"|\A\ufeff?WEBVTT[^\n]*",
    re.MULTILINE,
)
"""Times of subtitles: SRT, WebVTT, LRC, and clock times with hours, minutes and seconds at the start of a line."""

TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>|<!--.{0,500}?-->|\{\\[a-z]+\d*[^{}\n]{0,40}\}", re.DOTALL)
"""HTML and the formatting of subtitles."""

_SOUNDS = (
    # English
    r"noises?|music(?:al)?|laugh(?:s|ing|ter)?|applause|claps?|clapping|cough(?:s|ing)?|breath(?:s|ing|es)?|inhales?"
    r"|exhales?|sighs?|sighing|inaudible|unintelligible|indiscernible|indistinct|cross[- ]?talk|overlap(?:ping)?"
    r"|silence|pauses?|chuckl(?:e|es|ing)|cheers?|cheering|beeps?|clicks?|lip[- ]?smack(?:s|ing)?"
    r"|sniff(?:s|ing|le|les)?|sneezes?|sobs?|sobbing|crying|cries|screams?|screaming|groans?|gasps?|yawns?|whistl(?:e|es|ing)|humming|hums"
    r"|clears throat|throat clearing|ringing|phone rings?|foreign(?: language)?|blank[ _]audio|no[ _]speech|no[ _]audio"
    r"|background(?: \w+)?|unk|spn|sil|sp|nsn|laughter|vocalized[- ]noise|spoken[_-]noise|typing|footsteps|static"
    # German, French, Spanish, Italian, Portuguese, Dutch, Polish
    r"|musik|lachen|lacht|gel\u00e4chter|applaus|husten|hustet|r\u00e4uspern|unverst\u00e4ndlich|ger\u00e4usche?|rauschen|stille"
    r"|musique|rires?|applaudissements|toux|inintelligible|bruits?|soupirs?|m\u00fasica|risas?|aplausos?|tos|ruidos?|ininteligible"
    r"|musica|risate|risata|applausi|tosse|rumori?|incomprensibile|risos?|barulho|inaud\u00edvel|muziek|gelach|onverstaanbaar"
    r"|muzyka|\u015bmiech|oklaski"
    # Russian: music, laughter, applause, noise, cough, unintelligible
    r"|\u043c\u0443\u0437\u044b\u043a\u0430|\u0441\u043c\u0435\u0445|\u0430\u043f\u043b\u043e\u0434\u0438\u0441\u043c\u0435\u043d\u0442\u044b"
    r"|\u0448\u0443\u043c|\u043a\u0430\u0448\u0435\u043b\u044c|\u043d\u0435\u0440\u0430\u0437\u0431\u043e\u0440\u0447\u0438\u0432\u043e"
    # Chinese, Japanese and Korean: music, laughter, applause, noise, cough
    r"|\u97f3\u4e50|\u97f3\u6a02|\u7b11\u58f0|\u7b11|\u638c\u58f0|\u62cd\u624b|\u97f3\u697d|\u7b11\u3044|\u566a\u97f3"
    r"|\u54b3\u55fd|\uc74c\uc545|\uc6c3\uc74c|\ubc15\uc218"
)
_INSIDE = rf"[^\S\n]*(?:\w+[ _-]){{0,2}}(?:{_SOUNDS})(?:[ _-]\w+){{0,2}}[.!\u2026]*[^\S\n]*"
_SAID_BESIDES = (
    rf"[^\S\n]*(?:{_SOUNDS})(?:[ ,]+(?:and )?(?:{_SOUNDS}|softly|loudly|playing|continues))*[.!\u2026]*[^\S\n]*"
)
EVENT = re.compile(
    rf"\[{_INSIDE}\]|<{_INSIDE}>|\u3010{_INSIDE}\u3011|\({_SAID_BESIDES}\)|\uff08{_SAID_BESIDES}\uff09"
    rf"|\*+{_SAID_BESIDES}\*+|\{{{_SAID_BESIDES}\}}"
    r"|[\u2669-\u266c]+|(?-i:\[[A-Z][A-Z _-]{1,30}\](?!\())",
    re.IGNORECASE,
)
"""Sounds in brackets or between stars, [CAPITALS] in brackets, notes. The same in any case of letters."""

_ROLES = (
    r"speaker|spk|spkr|interviewer|interviewee|host|guest|narrator|moderator|caller|agent|operator|customer|client|doctor"
    r"|patient|teacher|student|announcer|reporter|translator|interpreter|user|assistant|participant|unknown|male|female"
    r"|sprecher(?:in)?|interviewer(?:in)?|moderator(?:in)?|locuteur|locutrice|hablante|locutor(?:a)?|entrevistador(?:a)?"
    r"|parlante|intervistatore|spreker|\u0441\u043f\u0438\u043a\u0435\u0440"
)
_SPEAKER = (
    rf"[\[(<]?(?:{_ROLES})[ _-]?(?:\d{{1,3}}|[A-Za-z])?[\])>]?[ \t]*[:\uff1a]"
    rf"|[\[(<](?:{_ROLES})[ _-]?(?:\d{{1,3}}|[A-Za-z])?[\])>]"
    r"|[\[(<]?(?:speaker|spk|s|f|m|p)[_-]?\d{1,3}[\])>]?[ \t]*:"
    r"|(?:\u8bf4\u8bdd\u4eba|\u53d1\u8a00\u4eba|\u8a71\u8005|\ud654\uc790)[ \t]*[\dA-Z]{0,3}[ \t]*[:\uff1a]"
)
SPEAKER = re.compile(
    rf"(?:^[ \t]*|(?<=[.!?\u2026\u3002\uff01\uff1f\n])[ \t]*)(?:{_SPEAKER})", re.IGNORECASE | re.MULTILINE
)
"""Names of roles and numbered speakers at the start of a line or sentence."""
NAMED_SPEAKER = re.compile(
    r"^[ \t]*(?:-[ \t]*)?((?:(?:Mr|Mrs|Ms|Dr)\.?[ ])?[A-Z][A-Z.'\u2019-]{1,20}"
    r"(?:[ ][A-Z][A-Z.'\u2019-]{0,20}){0,2}(?:[ ]?\d)?)[ \t]*:(?=\s)",
    re.MULTILINE,
)
"""A name in capitals before a colon at the start of a line: JOHN: and DR. SMITH:."""
NO_SPEAKERS = frozenset(
    """
    WARNING NOTE ATTENTION CAUTION IMPORTANT DISCLAIMER UPDATE QUESTION ANSWER EXAMPLE CHAPTER PART STEP TITLE PS NB
    """.split()
)
"""Words in capitals before a colon that are read out."""
TURN = re.compile(r"(?:^|(?<=\s))>{2,3}(?=\s|\w)|^[ \t]*[-\u2013\u2014][ \t]+(?=\w)", re.MULTILINE)
"""Signs of a new speaker: >> of broadcast captions, a dash at the start of a line."""

# Small capital i and upsilon, turned v, script a, turned r, fish-hook r, length and stress marks, turned script a,
# reversed open e, turned a, esh; then those that living alphabets share: theta, eth, ezh, schwa, open e
# and o, eng, ash.
_HARDLY_LETTERS = "\u026a\u028a\u028c\u0251\u0279\u027e\u02d0\u02c8\u02cc\u0252\u025c\u0250\u0283"
_PLAINLY_PHONETIC = re.compile(f"[{_HARDLY_LETTERS}]")
_PHONETIC = re.compile(f"[{_HARDLY_LETTERS}\u03b8\u00f0\u0292\u0259\u025b\u0254\u014b\u00e6\u0294]")
_ARPABET = re.compile(r"^(?:[A-Z]{1,2}[0-2]?\s+){3,}[A-Z]{1,2}[0-2]?$")


def is_phonetic(text: str) -> bool:
    """Return whether ``text`` is written in the phonetic alphabet or in ARPABET instead of in words.

    Letters such as those for open e and o stand in the alphabets of living languages, so several signs must come
    together: at least two different signs that hardly any alphabet has, or one of them where slashes enclose the text.
    """
    stripped = text.strip()
    if _ARPABET.match(stripped):
        return sum(char in "012" for char in stripped) >= 2
    plain = set(_PLAINLY_PHONETIC.findall(stripped))
    if not plain:
        return False
    enclosed = len(stripped) > 2 and stripped[0] + stripped[-1] in ("//", "[]")
    dense = len(_PHONETIC.findall(stripped)) * 12 >= len(stripped)
    return dense and (enclosed or len(plain) >= 2)

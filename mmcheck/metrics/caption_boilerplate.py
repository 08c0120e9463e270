"""Phrases that stand under any image: what a site, a camera's program or a library wrote where a description was due.

"Image may contain: text", "No description available", "Free stock photo", "Fig. 2.1", "Click here to enlarge", a bare
copyright line. The measure is the share of the caption that such phrases cover, so that a description that merely
names its photographer, or contains the word photo, is left alone.
"""

from __future__ import annotations

import re

# Names: up to six words that begin with a capital, with the small words of firms and families between them.
_NAME = (
    r"(?-i:(?!All rights)[A-Z\u00c0-\u00de][\w.'\u2019&-]*(?:[ ,/|]+(?!All rights)(?:(?:of|and|the|de"
    r"|la|van|von|der|&|via|for|on|at)[ ]+)?(?:[A-Z\u00c0-\u00de][\w.'\u2019&-]*)){0,5})"
)
_YEARS = r"(?:\d{4}(?:[ ]?[-\u2013][ ]?\d{2,4})?)"
_IMAGE = (
    r"(?:images?|photos?|pictures?|pics?|photographs?|illustrations?|graphics?|screenshots?"
    r"|thumbnails?|logos?|icons?|banners?|avatars?|headers?|figures?|posters?)"
)
_NUMBER = r"(?:[A-Z]?\d{1,4}(?:[.\u2013-]\d{1,4}){0,3}[a-z]?)"

_PHRASES = (
    # who made it, who owns it
    rf"(?:{_IMAGE}|courtesy|photography|credits?|artwork)(?: (?:credits?|courtesy|source))?(?::| by"
    rf"| \u00a9| via)+[ ]{_NAME}",
    rf"(?:{_IMAGE} )?(?:courtesy|credits?) of[ ]{_NAME}|{_IMAGE} credits?",
    rf"(?:\u00a9|\(c\)|copyright|copyrighted)(?:[ ,:]*(?:\u00a9|\(c\)|copyright|by"
    rf"|{_YEARS}))*(?:[ ,:]+{_NAME})?(?:[ ,.]+{_YEARS})?",
    rf"{_NAME}[ ]\u00a9[ ]?{_YEARS}?",
    r"all rights reserved|used (?:with|by) permission|public domain"
    r"|(?:licensed )?(?:under )?cc[- ](?:by|0)(?:-(?:sa|nc|nd))*(?: \d\.\d)?"
    r"|creative commons(?: licen[cs]e)?",
    # Facebook's alternative text, where it saw nothing in particular
    r"(?:(?:image|photo|picture) )?may be (?:an? )?(?:image|photo|picture|graphic|illustration|cartoon"
    r"|meme|doodle|twitter screenshot)s? of (?:text|one or more people|\d+ pe(?:rson|ople))",
    r"(?:image|photo|picture) may contain:?(?:[ ,]+(?:one or more people|\d+ pe(?:rson|ople)|people"
    r"|standing|sitting|smiling|text|outdoor|indoor|and|close-up|screenshot))*",
    r"no (?:alternative text|alt text)(?: available)?"
    r"|no (?:(?:photo|image|picture|video) )?(?:text |description|caption|title"
    r"|alt)s?(?: text)?(?: (?:is )?(?:available|provided|given|found|set|yet))?",
    rf"(?:no|missing|default|sample|dummy|placeholder|generic|blank|empty|unnamed|unknown|untitled"
    rf"|decorative|related|featured|main|hero|cover|profile) {_IMAGE}(?: (?:available|found|yet"
    rf"|placeholder|here|\d+))?",
    rf"{_IMAGE} (?:not (?:found|available|loaded)|unavailable|missing|coming soon|placeholder|removed"
    rf"|deleted|no longer available|\d{{1,4}} of \d{{1,4}}|here|goes here|description|caption|alt|title"
    rf"|name|text|credits?)",
    r"(?:content|media|file|page) (?:not (?:found|available)|unavailable|no longer available)",
    # what is to be clicked
    rf"(?:please )?(?:click|tap|press|hover)(?: (?:here|on|the|this|for|to|over|{_IMAGE}"
    rf"|and))*(?: (?:enlarge|zoom(?: in)?|expand|view|see|open|download|larger|full|bigger|high|hi"
    rf"|original|details?|more|version|size|sized|resolution|res|{_IMAGE}|a|the|it|in"
    rf"|info(?:rmation)?))*",
    rf"(?:view|see|open|show|download|enlarge|zoom(?: in)?|expand)(?: (?:a|the|this|full|larger|bigger"
    rf"|original|high|hi|more|all))*(?: (?:{_IMAGE}|size|resolution|res|gallery|slideshow|details?"
    rf"|version))+",
    r"read more|learn more|find out more|shop now|buy now|add to cart|share this|pin it|save image"
    r"|advertisement|sponsored(?: content)?|back to top|skip to content|subscribe now|follow us"
    r"|link in bio|source:? (?:internet|unknown|google)"
    rf"|sources?:[ ]{_NAME}|(?:enter|add|insert|type|write|your)(?: (?:a|your|the))? (?:caption|description|alt text)"
    r"(?: (?:here|text))?",
    # stock and agencies
    rf"(?:(?:royalty[- ]free|free|premium|vector|hd|download|editorial|high[- ]quality"
    rf"|4k) )*(?:stock )(?:{_IMAGE}|vectors?|footage|videos?|art)",
    rf"(?:(?:royalty[- ]free|free|premium|hd|high[- ]quality|4k|download) )+(?:{_IMAGE}|vectors?"
    rf"|wallpapers?|clip ?arts?|pngs?|downloads?)",
    r"(?:photo|image|picture)?:? ?(?:getty images|shutterstock|i ?stock(?: ?photo)?"
    r"|alamy(?: stock photo)?|adobe ?stock|dreamstime|depositphotos|unsplash|pexels|pixabay|123rf"
    r"|wikimedia commons|reuters|associated press)(?:[ /|,]+(?:getty images|i ?stock|shutterstock"
    r"|alamy))*",
    # where it stands in a text
    rf"(?:figure|fig\.?|table|plate|pl\.|photo|image|picture|illustration|exhibit|chart|map|slide|page"
    rf"|step|scheme|panel|abb\.?|abbildung|bild|foto|figura|schema|tableau|tabelle|\u56fe|\u5716|\u56f3"
    rf"|\u8868|\uadf8\ub9bc|\uc0ac\uc9c4|\ud45c|\u0440\u0438\u0441\.?|\u0440\u0438\u0441\u0443\u043d\u043e\u043a"
    rf"|\u0444\u043e\u0442\u043e|\u0442\u0430\u0431\u043b\.?)"
    rf"[ ]?{_NUMBER}(?:[ ]?[(\[]?[a-z](?:[,\u2013-][a-z])*[)\]]?)?",
    # what programs write
    r"(?:screen ?shot|screen ?capture|screen recording|scan|untitled|unnamed)(?: (?:from|at|of"
    r"|on))?(?:[ ,-]*\d[\d.:-]*)+(?: at)?(?:[ ]*\d[\d.:-]*)*(?: [ap]m)?",
    r"(?:photo|picture|image|pic) of the day|posted (?:by|on|in)(?: \w+)?|written by|last updated"
    r"|share on (?:facebook|twitter)",
    # German, French, Spanish, Italian, Portuguese, Dutch
    r"keine? (?:bild)?(?:beschreibung|bild|foto|vorschau|titel|alternativtext)(?: (?:verf\u00fcgbar"
    r"|vorhanden))?|(?:bild|foto)(?: nicht)? (?:verf\u00fcgbar|gefunden)|symbol(?:bild|foto)"
    r"|platzhalter(?:bild)?|(?:ein|das|dieses) (?:bild|foto)|ohne titel|unbenannt"
    r"|zum vergr\u00f6\u00dfern(?: hier)?(?: bitte)?(?: anklicken| klicken)?|hier klicken"
    r"|bild vergr\u00f6\u00dfern|alle rechte vorbehalten|wird geladen|bildbeschreibung",
    r"(?:aucune|pas de) (?:description|l\u00e9gende|image|photo)(?: (?:n'est )?disponible)?"
    r"|image non disponible|(?:une|cette) (?:image|photo)|sans titre"
    r"|cliquez (?:ici )?pour agrandir|tous droits r\u00e9serv\u00e9s"
    r"|photo d'illustration|image d'illustration|cr\u00e9dit photo|texte alternatif",
    r"(?:no hay|sin) (?:descripci\u00f3n|imagen|foto|t\u00edtulo|leyenda)(?: disponible)?"
    r"|imagen no disponible|(?:una|esta) (?:imagen|foto)|(?:haga )?clic (?:aqu\u00ed )?para (?:ampliar|agrandar)"
    r"|todos los derechos reservados|foto de archivo|imagen de archivo|texto alternativo",
    r"(?:nessuna|senza) (?:descrizione|immagine|didascalia)(?: disponibile)?|immagine non disponibile"
    r"|(?:una|questa) (?:immagine|foto)|senza titolo"
    r"|clicca (?:qui )?per ingrandire|tutti i diritti riservati|foto (?:di )?repertorio",
    r"(?:nenhuma|sem) (?:descri\u00e7\u00e3o|imagem|legenda|t\u00edtulo)(?: dispon\u00edvel)?"
    r"|imagem n\u00e3o dispon\u00edvel|(?:uma|esta) (?:imagem|foto)"
    r"|clique (?:aqui )?para ampliar|todos os direitos reservados",
    r"geen (?:beschrijving|afbeelding|foto)(?: beschikbaar)?|afbeelding niet beschikbaar|zonder titel"
    r"|klik (?:hier )?om te vergroten|alle rechten voorbehouden",
    # Russian, Chinese, Japanese, Korean
    r"\u043d\u0435\u0442 (?:\u043e\u043f\u0438\u0441\u0430\u043d\u0438\u044f|\u0444\u043e\u0442\u043e"
    r"|\u0438\u0437\u043e\u0431\u0440\u0430\u0436\u0435\u043d\u0438\u044f)"
    r"|\u0431\u0435\u0437 \u043d\u0430\u0437\u0432\u0430\u043d\u0438\u044f"
    r"|\u0438\u0437\u043e\u0431\u0440\u0430\u0436\u0435\u043d\u0438\u0435|\u0444\u043e\u0442\u043e"
    r"(?:\u0433\u0440\u0430\u0444\u0438\u044f)?|\u043a\u0430\u0440\u0442\u0438\u043d\u043a\u0430"
    r"|\u0432\u0441\u0435 \u043f\u0440\u0430\u0432\u0430 \u0437\u0430\u0449\u0438\u0449\u0435\u043d\u044b",
    r"(?:\u6682\u65e0|\u65e0|\u6ca1\u6709)(?:\u56fe\u7247|\u63cf\u8ff0|\u8bf4\u660e|\u6807\u9898)"
    r"|\u70b9\u51fb(?:\u67e5\u770b)?(?:\u5927\u56fe|\u653e\u5927)|\u56fe\u7247\u52a0\u8f7d\u4e2d"
    r"|\u56fe\u7247\u6765\u6e90|\u7248\u6743\u6240\u6709|\u56fe\u7247|\u7167\u7247|\u622a\u56fe",
    r"(?:\u753b\u50cf|\u5199\u771f|\u8aac\u660e)(?:\u306a\u3057|\u306f\u3042\u308a\u307e\u305b\u3093"
    r"|\u304c\u3042\u308a\u307e\u305b\u3093)|(?:\u30af\u30ea\u30c3\u30af"
    r"|\u30bf\u30c3\u30d7)(?:\u3057\u3066|\u3067)\u62e1\u5927(?:\u8868\u793a)?|\u753b\u50cf"
    r"|\u5199\u771f|(?:\u3053\u306e|\u3053\u3061\u3089\u306e)(?:\u753b\u50cf|\u5199\u771f)"
    r"|\u7121\u984c|\u7121\u6a19\u984c|\u65e0\u6807\u9898|\uc81c\ubaa9 \uc5c6\uc74c"
    r"|\uc774\ubbf8\uc9c0 \uc5c6\uc74c|\uc774\ubbf8\uc9c0|\uc0ac\uc9c4",
    # single words, which would cut the longer phrases short
    r"loading|untitled|unnamed|no name|no title|placeholder|lorem ipsum(?: dolor sit amet)?"
    r"|alt(?:ernat(?:e|ive))? text|caption|description|deleted|removed|image|photo|picture|img"
    r"|thumbnail|screen ?shot|spacer|default|asdf|todo|tbd",
)
# Brackets and stars around a phrase ("[deleted]") are no word characters, so the edges need no care for them.
_BOILERPLATE = re.compile(r"(?<!\w)(?:" + "|".join(_PHRASES) + r")(?!\w)", re.IGNORECASE)
_LOOKED_AT = 2_000  # characters of a caption that are read; our own choice: boilerplate is short


def boilerplate_ratio(text: str) -> float:
    """Return the share of letters and digits that belong to boilerplate phrases, 0 to 1; 0 where there are none.

    Only the first 2,000 characters are looked at; boilerplate is short.
    """
    looked_at = " ".join(text[:_LOOKED_AT].split())
    total = _count(looked_at)
    if not total:
        return 0.0
    return min(1.0, sum(_count(match.group()) for match in _BOILERPLATE.finditer(looked_at)) / total)


def _count(text: str) -> int:
    return sum(map(str.isalnum, text))

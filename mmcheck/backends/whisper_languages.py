"""The languages that Whisper knows, and what manifests call them.

Manifests name languages as they please (``en``, ``en-US``, ``eng``, ``English``); the model knows one token each.
"""

from __future__ import annotations

from mmcheck.core.languages import primary_code

_NAMES = (
    "af afrikaans am amharic ar arabic as assamese az azerbaijani ba bashkir be belarusian bg bulgarian bn bengali "
    "bo tibetan br breton bs bosnian ca catalan cs czech cy welsh da danish de german el greek en english es spanish "
    "et estonian eu basque fa persian fi finnish fo faroese fr french gl galician gu gujarati ha hausa haw hawaiian "
    "he hebrew hi hindi hr croatian ht haitian hu hungarian hy armenian id indonesian is icelandic it italian "
    "ja japanese jw javanese ka georgian kk kazakh km khmer kn kannada ko korean la latin lb luxembourgish ln lingala "
    "lo lao lt lithuanian lv latvian mg malagasy mi maori mk macedonian ml malayalam mn mongolian mr marathi ms malay "
    "mt maltese my burmese ne nepali nl dutch nn nynorsk no norwegian oc occitan pa punjabi pl polish ps pashto "
    "pt portuguese ro romanian ru russian sa sanskrit sd sindhi si sinhala sk slovak sl slovenian sn shona so somali "
    "sq albanian sr serbian su sundanese sv swedish sw swahili ta tamil te telugu tg tajik th thai tk turkmen "
    "tl tagalog tr turkish tt tatar uk ukrainian ur urdu uz uzbek vi vietnamese yi yiddish yo yoruba yue cantonese "
    "zh chinese"
).split()
WHISPER_LANGUAGES = dict(zip(_NAMES[::2], _NAMES[1::2], strict=True))
"""Whisper's language codes with their English names."""
_THREE_LETTERS = (
    "afr af amh am ara ar asm as aze az bel be ben bn bod bo bos bs bul bg cat ca ces cs cmn zh cym cy dan da deu de "
    "ell el eng en est et eus eu fas fa fin fi fra fr glg gl guj gu hau ha heb he hin hi hrv hr hun hu hye hy ind id "
    "isl is ita it jav jw jpn ja kan kn kat ka kaz kk khm km kor ko lao lo lat la lav lv lin ln lit lt ltz lb mal ml "
    "mar mr mkd mk mlg mg mlt mt mon mn mri mi msa ms mya my nep ne nld nl nno nn nob no nor no oci oc pan pa pes fa "
    "pol pl por pt pus ps ron ro rus ru san sa sin si slk sk slv sl sna sn snd sd som so spa es sqi sq srp sr sun su "
    "swa sw swe sv tam ta tat tt tel te tgk tg tgl tl tha th tuk tk tur tr ukr uk urd ur uzb uz vie vi yid yi yor yo "
    "zho zh fil tl iw he in id ji yi jv jw nb no flemish nl castilian es mandarin zh farsi fa"
).split()
_OTHER_CODES = {
    **{name: code for code, name in WHISPER_LANGUAGES.items()},
    **dict(zip(_THREE_LETTERS[::2], _THREE_LETTERS[1::2], strict=True)),
    "zh-hk": "yue",
    "zh-yue": "yue",
}


def find_language(name: str | None) -> str | None:
    """Return Whisper's code of a language given as code, BCP-47 tag or English name; None if it has none."""
    if not name or not name.strip():
        return None
    base = primary_code(name)
    code = _OTHER_CODES.get(name.strip().lower().replace("_", "-"), _OTHER_CODES.get(base, base))
    return code if code in WHISPER_LANGUAGES else None

# ruff: noqa: RUF001 (words and signs of many scripts)
"""What is written in short and said in full, by language: abbreviations, signs, units and contractions.

Our own tables of what transcripts hold most, each entry checked against a dictionary of its language. They need not
be whole: a form that is missing costs a second look at a clip, not a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping

ABBREVIATIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "mr.": ("mister",), "mr": ("mister",), "mrs.": ("missus",), "mrs": ("missus",), "ms.": ("miss",),
        "dr.": ("doctor", "drive"), "dr": ("doctor",), "prof.": ("professor",), "st.": ("saint", "street"),
        "capt.": ("captain",), "gen.": ("general",), "sen.": ("senator",), "rep.": ("representative",),
        "rev.": ("reverend",), "jr.": ("junior",), "sr.": ("senior",), "no.": ("number",), "nos.": ("numbers",),
        "etc.": ("et cetera",), "etc": ("et cetera",), "vs.": ("versus",), "vs": ("versus",), "e.g.": ("for example",),
        "i.e.": ("that is",), "approx.": ("approximately",), "dept.": ("department",), "ave.": ("avenue",),
        "mt.": ("mount",), "ft.": ("feet",), "a.m.": ("am",), "p.m.": ("pm",), "ok": ("okay",), "o.k.": ("okay",),
        "ltd.": ("limited",), "co.": ("company",), "inc.": ("incorporated",), "corp.": ("corporation",),
    },
    "de": {
        "z.b.": ("zum Beispiel",), "d.h.": ("das heißt",), "u.a.": ("unter anderem",), "usw.": ("und so weiter",),
        "bzw.": ("beziehungsweise",), "ca.": ("circa",), "dr.": ("Doktor",), "prof.": ("Professor",),
        "hr.": ("Herr",), "fr.": ("Frau",), "nr.": ("Nummer",), "str.": ("Straße",), "st.": ("Sankt",),
        "ggf.": ("gegebenenfalls",), "evtl.": ("eventuell",), "inkl.": ("inklusive",), "vgl.": ("vergleiche",),
        "mio.": ("Millionen",), "mrd.": ("Milliarden",), "jh.": ("Jahrhundert",), "etc.": ("et cetera",),
        "v.chr.": ("vor Christus",), "n.chr.": ("nach Christus",),
    },
    "fr": {
        "m.": ("monsieur",), "mm.": ("messieurs",), "mme": ("madame",), "mmes": ("mesdames",),
        "mlle": ("mademoiselle",),
        "dr": ("docteur",), "dr.": ("docteur",), "pr": ("professeur",), "st": ("saint",), "ste": ("sainte",),
        "n°": ("numéro",), "no": ("numéro",), "etc.": ("et cetera",), "p.ex.": ("par exemple",), "av.": ("avenue",),
        "bd": ("boulevard",), "c.-à-d.": ("c'est-à-dire",), "env.": ("environ",),
    },
    "es": {
        "sr.": ("señor",), "sra.": ("señora",), "srta.": ("señorita",), "sres.": ("señores",), "d.": ("don",),
        "dª": ("doña",), "dña.": ("doña",), "dr.": ("doctor",), "dra.": ("doctora",), "ud.": ("usted",),
        "uds.": ("ustedes",), "vd.": ("usted",), "etc.": ("etcétera",), "etc": ("etcétera",), "núm.": ("número",),
        "nº": ("número",), "n.º": ("número",), "av.": ("avenida",), "avda.": ("avenida",), "sta.": ("santa",),
        "sto.": ("santo",), "ee.uu.": ("Estados Unidos",), "p.ej.": ("por ejemplo",), "pág.": ("página",),
        "prof.": ("profesor",),
    },
    "it": {
        "sig.": ("signor",), "sig.ra": ("signora",), "dott.": ("dottor",), "dott.ssa": ("dottoressa",),
        "prof.": ("professor",), "ecc.": ("eccetera",), "es.": ("esempio",), "n.": ("numero",), "s.": ("san",),
        "ing.": ("ingegner",), "avv.": ("avvocato",),
    },
    "pt": {
        "sr.": ("senhor",), "sra.": ("senhora",), "dr.": ("doutor",), "dra.": ("doutora",), "d.": ("dona",),
        "etc.": ("et cetera",), "nº": ("número",), "n.º": ("número",), "av.": ("avenida",), "prof.": ("professor",),
        "eua": ("Estados Unidos",), "p.ex.": ("por exemplo",),
    },
    "nl": {
        "dhr.": ("de heer",), "mevr.": ("mevrouw",), "dr.": ("dokter",), "bijv.": ("bijvoorbeeld",),
        "enz.": ("enzovoort",), "nr.": ("nummer",), "o.a.": ("onder andere",), "d.w.z.": ("dat wil zeggen",),
    },
    "ru": {
        "г.": ("год", "город"), "гг.": ("годы",), "ул.": ("улица",), "д.": ("дом",), "т.е.": ("то есть",),
        "т.д.": ("так далее",), "т.п.": ("тому подобное",), "др.": ("другие",), "руб.": ("рублей",),
        "коп.": ("копеек",), "тыс.": ("тысяч",), "млн": ("миллионов",), "млрд": ("миллиардов",), "в.": ("век",),
        "см.": ("смотри",), "им.": ("имени",), "проф.": ("профессор",), "г-н": ("господин",), "г-жа": ("госпожа",),
    },
    "sv": {
        "t.ex.": ("till exempel",), "bl.a.": ("bland annat",), "osv.": ("och så vidare",), "dr": ("doktor",),
        "nr": ("nummer",), "ca": ("cirka",), "kl.": ("klockan",), "d.v.s.": ("det vill säga",),
    },
    "pl": {
        "np.": ("na przykład",), "itd.": ("i tak dalej",), "itp.": ("i tym podobne",), "dr": ("doktor",),
        "prof.": ("profesor",), "nr": ("numer",), "ul.": ("ulica",), "m.in.": ("między innymi",), "ok.": ("około",),
    },
}  # fmt: skip
"""Language -> abbreviation in lower case -> what is said for it, the likeliest first."""

SIGNS: Mapping[str, Mapping[str, str]] = {
    "en": {"&": "and", "+": "plus", "=": "equals", "×": "times", "÷": "divided by", "−": "minus", "@": "at",
           "°": "degrees", "#": "number", "%": "percent", "/": "slash"},
    "de": {"&": "und", "+": "plus", "=": "gleich", "×": "mal", "÷": "durch", "−": "minus", "@": "at", "°": "Grad",
           "%": "Prozent", "§": "Paragraph"},
    "fr": {"&": "et", "+": "plus", "=": "égale", "×": "fois", "÷": "divisé par", "−": "moins", "@": "arobase",
           "°": "degrés", "%": "pour cent"},
    "es": {"&": "y", "+": "más", "=": "igual a", "×": "por", "÷": "entre", "−": "menos", "@": "arroba", "°": "grados",
           "%": "por ciento"},
    "it": {"&": "e", "+": "più", "=": "uguale", "×": "per", "÷": "diviso", "−": "meno", "@": "chiocciola",
           "°": "gradi", "%": "per cento"},
    "pt": {"&": "e", "+": "mais", "=": "igual a", "×": "vezes", "÷": "dividido por", "−": "menos", "@": "arroba",
           "°": "graus", "%": "por cento"},
    "nl": {"&": "en", "+": "plus", "=": "is", "×": "keer", "−": "min", "°": "graden", "%": "procent"},
    "ru": {"&": "и", "+": "плюс", "=": "равно", "×": "умножить на", "−": "минус", "°": "градусов", "%": "процентов",
           "№": "номер"},
    "sv": {"&": "och", "+": "plus", "=": "är lika med", "×": "gånger", "−": "minus", "°": "grader", "%": "procent"},
    "pl": {"&": "i", "+": "plus", "=": "równa się", "×": "razy", "−": "minus", "°": "stopni", "%": "procent"},
    "zh": {"&": "和", "+": "加", "=": "等于", "×": "乘", "÷": "除以", "−": "减", "°": "度"},
}  # fmt: skip
"""Language -> sign -> what is said for it. A percent sign and a degree sign stand right behind their number."""

CURRENCIES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {"$": ("dollars", "dollar"), "£": ("pounds", "pound"), "€": ("euros", "euro"), "¥": ("yen",),
           "¢": ("cents", "cent")},
    "de": {"€": ("Euro",), "$": ("Dollar",), "£": ("Pfund",), "¥": ("Yen",)},
    "fr": {"€": ("euros", "euro"), "$": ("dollars", "dollar"), "£": ("livres", "livre"), "¥": ("yens",)},
    "es": {"€": ("euros", "euro"), "$": ("dólares", "dólar", "pesos", "peso"), "£": ("libras", "libra"),
           "¥": ("yenes",)},
    "it": {"€": ("euro",), "$": ("dollari", "dollaro"), "£": ("sterline", "sterlina"), "¥": ("yen",)},
    "pt": {"€": ("euros", "euro"), "$": ("dólares", "dólar"), "£": ("libras", "libra"), "R$": ("reais", "real")},
    "nl": {"€": ("euro",), "$": ("dollar",), "£": ("pond",)},
    "ru": {"€": ("евро",), "$": ("долларов", "доллар", "доллара"), "£": ("фунтов",),
           "₽": ("рублей", "рубль", "рубля")},
    "sv": {"€": ("euro",), "$": ("dollar",), "£": ("pund",), "kr": ("kronor", "krona")},
    "pl": {"€": ("euro",), "$": ("dolarów", "dolar", "dolary"), "zł": ("złotych", "złoty", "złote")},
    "zh": {"$": ("美元",), "€": ("欧元",), "£": ("英镑",), "¥": ("元",)},
}  # fmt: skip
"""Language -> sign of a currency -> its name, the plural first."""

CONTRACTIONS = {
    "n't": " not", "'re": " are", "'ve": " have", "'ll": " will", "'m": " am", "'d": " would",
}  # fmt: skip
"""English: ending -> what it stands for. "'s" is left out: it is mostly a genitive."""
CONTRACTED = {
    "won't": "will not", "can't": "cannot", "shan't": "shall not", "let's": "let us", "gonna": "going to",
    "wanna": "want to", "gotta": "got to", "it's": "it is", "that's": "that is", "there's": "there is",
    "he's": "he is", "she's": "she is", "what's": "what is", "here's": "here is", "y'know": "you know",
    "'tis": "it is", "'cause": "because",
}  # fmt: skip
"""English: contractions as whole words."""
UNMARKED = {
    "dont": "don't", "doesnt": "doesn't", "didnt": "didn't", "isnt": "isn't", "wasnt": "wasn't", "arent": "aren't",
    "couldnt": "couldn't", "wouldnt": "wouldn't", "shouldnt": "shouldn't", "havent": "haven't", "hasnt": "hasn't",
    "cant": "can't", "wont": "won't", "im": "I'm", "ive": "I've", "youre": "you're", "theyre": "they're",
    "thats": "that's", "whats": "what's", "yknow": "y'know", "youve": "you've", "weve": "we've",
}  # fmt: skip
"""English: contractions written without their apostrophe."""
ORDINAL_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "en": ("th", "st", "nd", "rd"), "fr": ("e", "er", "ère", "re", "ème", "nd", "nde"),
    "es": ("º", "ª", ".º", ".ª", "er", "o", "a"), "it": ("º", "ª", "°"), "pt": ("º", "ª", "o", "a"),
    "ca": ("è", "r", "n", "t", "a"), "nl": ("e", "ste", "de"), "sv": (":e", ":a"),
    "ru": ("-й", "-я", "-е", "-го", "-му", "-м", "-х", "-ый", "-ий", "-ая", "-ое"), "uk": ("-й", "-я", "-е", "-го"),
    "de": (".",), "da": (".",), "no": (".",), "fi": (".",), "cs": (".",), "hu": (".",), "pl": (".",),
}  # fmt: skip
"""Language -> what stands behind the digits of an ordinal, the usual one first."""
CLOCK: Mapping[str, str] = {"de": "Uhr", "fr": "heures", "nl": "uur"}
"""Language -> the word between hours and minutes, where one is said."""

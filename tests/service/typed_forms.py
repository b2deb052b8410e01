"""Sentences as a plain keyboard writes them, and the forms in which others write the same."""

import unicodedata
from collections.abc import Callable
from typing import Final

SENTENCES: Final = [
    "It isn't a good film.",
    "I didn't like it, and I wouldn't see it again!",
    "I can't recommend this difficult but beautiful film enough.",
    "Don't waste your money: it's awful.",
    "It's the director's first film, and it's flawless.",
    "She couldn't act, he didn't care, and we weren't amused...",
    "You won't find a finer film this year.",
    "That wasn't funny at all - it was painful.",
    "I've never been so bored, I'd rather watch paint dry.",
    "They're brilliant, all of them; we couldn't stop laughing.",
    "What a waste of time! Who's it for?",
    "There's no story, there aren't any jokes, there isn't a point.",
    "If you haven't seen it, you're missing a masterpiece.",
    "Isn't it wonderful? Isn't it great?",
    'The so-called "thriller" didn\'t thrill me.',
    "He said 'a masterpiece', I'd say 'a mess'.",
    "A cliché-ridden script - naïve, long and dull.",
    "The café scene with Amélie is charming, the rest isn't.",
    "Penélope Cruz doesn't disappoint; she's superb.",
    "A fiancée, a protégé and a déjà vu that won't end...",
    "Wonderful... simply wonderful... I wasn't expecting that.",
    "Flat, confusing, inefficient, and it isn't over after two hours.",
    "The finale is magnificent & the effects are terrific.",
    "Stuffy and baffling: I couldn't finish it.",
    "Shouldn't it have been funny? It wasn't.",
    "One of those films you don't forget - a real gift.",
    "Let's be honest, it doesn't work & it's their own fault.",
    "The actors' chemistry is terrific, the script's first half isn't.",
    "Who'd have thought that they'd ruin it?",
    "We'll remember this one: it's an unforgettable, affecting film.",
    "I wasn't surprised that it isn't playing any more.",
    "Hasn't aged a bit! It's as fresh as ever.",
    "Not bad, not bad at all - I'd even say it's excellent.",
    "Y'all don't need to see this, it's garbage.",
]


def _everywhere(plain: str, typed: str) -> Callable[[str], str]:
    return lambda sentence: sentence.replace(plain, typed)


def _inside_words(typed: str, shortest: int = 4) -> Callable[[str], str]:
    """Return a function that puts `typed` into the middle of every word that is long enough."""

    def change(sentence: str) -> str:
        words = sentence.split(" ")
        return " ".join(
            word[: len(word) // 2] + typed + word[len(word) // 2 :]
            if word.isalpha() and len(word) >= shortest
            else word
            for word in words
        )

    return change


def _full_width(sentence: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in sentence)


def _ligatures(sentence: str) -> str:
    for plain, typed in {"ffi": "\ufb03", "ff": "\ufb00", "fi": "\ufb01", "fl": "\ufb02"}.items():
        sentence = sentence.replace(plain, typed)
    return sentence


def _phone(sentence: str) -> str:
    """The text as a phone's keyboard changes it."""
    return (
        sentence.replace("'", "\u2019")
        .replace("...", "\u2026")
        .replace(" - ", "\u2009\u2014\u2009")
    )


def _book(sentence: str) -> str:
    opened = sentence.replace(' "', " \u201c").replace('"', "\u201d").replace(" '", " \u2018")
    return opened.replace("'", "\u2019").replace(" - ", " \u2013 ")


def _entities(sentence: str) -> str:
    return "".join(
        c if c.isascii() and (c.isalnum() or c == " ") else f"&#{ord(c)};" for c in sentence
    )


def _named_entities(sentence: str) -> str:
    names = {
        "&": "&amp;",
        "'": "&rsquo;",
        '"': "&quot;",
        "é": "&eacute;",
        "ï": "&iuml;",
        " - ": "&mdash;",
    }
    for plain, name in {**names, "...": "&hellip;", ". ": ".&nbsp;"}.items():
        sentence = sentence.replace(plain, name)
    return sentence


FORMS: Final[dict[str, Callable[[str], str]]] = {
    **{
        f"apostrophe U+{ord(typed):04X}": _everywhere("'", typed)
        for typed in "\u2019\u2018\u00b4`\u02bc\u2032\u201b\u02b9\u02bb\u02c8\uff07\u0092\u0091"
    },
    **{
        f"apostrophe {typed}": _everywhere("'", typed)
        for typed in ("&#39;", "&#039;", "&#x27;", "&apos;", "&rsquo;", "&#8217;", "&amp;#39;")
    },
    "spaces of a web page": _everywhere(" ", "&nbsp;"),
    **{
        f"space U+{ord(typed):04X}": _everywhere(" ", typed)
        for typed in "\u00a0\u2002\u2003\u2007\u2009\u202f\u205f\u3000\u2028\n\t"
    },
    "lines of Windows": _everywhere(" ", "\r\n"),
    "decomposed accents": lambda sentence: unicodedata.normalize("NFD", sentence),
    "decomposed, compatibility": lambda sentence: unicodedata.normalize("NFKD", sentence),
    "ligatures": _ligatures,
    "full width": _full_width,
    "mathematical letters": lambda s: "".join(
        chr(0x1D41A + ord(c) - ord("a")) if "a" <= c <= "z" else c for c in s
    ),
    "soft hyphens": _inside_words("\u00ad"),
    "soft hyphens of a web page": _inside_words("&shy;"),
    "soft hyphens at the end of lines": _inside_words("\u00ad\n"),
    "zero-width spaces": _inside_words("\u200b"),
    "zero-width joiners": _inside_words("\u200d\u200c"),
    "word joiners": _everywhere(" ", "\u2060 \ufeff"),
    "a byte order mark": lambda sentence: "\ufeff" + sentence,
    "marks of direction": lambda sentence: f"\u202a{sentence}\u202c\u200f",
    "struck through": _inside_words("\u0336"),
    "ellipses": _everywhere("...", "\u2026"),
    **{
        f"dash U+{ord(typed):04X}": _everywhere("-", typed)
        for typed in "\u2010\u2011\u2013\u2014\u2212\ufe63"
    },
    "two hyphens": _everywhere(" - ", "--"),
    "round quotes": _everywhere('"', "\u201c"),
    "quotes of a web page": _everywhere('"', "&quot;"),
    "an ampersand of a web page": _everywhere("&", "&amp;"),
    "an ampersand escaped twice": _everywhere("&", "&amp;amp;"),
    "a NUL": _everywhere(" ", "\0"),
    "a phone": _phone,
    "a book": _book,
    "entities": _entities,
    "named entities": _named_entities,
    "Windows-1252 read as Latin-1": lambda s: _phone(s).replace("\u2009", " ")
    .encode("windows-1252").decode("latin-1"),
}  # fmt: skip

"""How names are compared: without case, accents and punctuation, by beginnings of words, forgiving a slip or two."""

import unicodedata
from collections.abc import Sequence

MOST_WORDS = 8  # of what is looked for; more are ignored: they could only narrow, and each is compared with every word
EXACT, BEGINS, SLIP, MISS = 0, 1, 2, 9  # how well a word fits; two slips are SLIP + 1

#: Letters that Unicode does not take apart, as people without them on their keyboard write them.
_ALIKE = {"ł": "l", "đ": "d", "ð": "d", "ø": "o", "\u0131": "i", "ħ": "h", "æ": "ae", "œ": "oe", "þ": "th"}
_APOSTROPHES = "'`\u00b4\u02bc\u2018\u2019"
_VOICE = 10  # combining classes below it change a letter into another one (dakuten, nukta, virama): they stay


def _folded(char: str) -> str:
    """What is left of a character: itself in small, nothing (accents, apostrophes, joiners), or a blank."""
    kind = unicodedata.category(char)
    variant = "\ufe00" <= char <= "\ufe0f"
    if char in _APOSTROPHES or variant or kind == "Cf" or unicodedata.combining(char) >= _VOICE:
        return ""
    small = char.casefold()
    if "\u3400" <= char <= "\u9fff" or "\U00020000" <= char <= "\U0003ffff":
        return f" {small} "  # Chinese names are written without blanks: each character is a word
    spoken = kind[0] in "LNM" or kind == "So"  # So: somebody's alias may be a picture
    return _ALIKE.get(small, small) if spoken else " "


class _Folding(dict[int, str]):
    """The table str.translate asks. Common letters are worked out once."""

    def __missing__(self, code: int) -> str:
        return _folded(chr(code))


_FOLD = _Folding({code: _folded(chr(code)) for code in range(0x250)})


def words(name: str) -> list[str]:
    """The words of a name as they are compared: "Renée O'Brien-Łoś" -> renee, obrien, los."""
    if name.isascii() and name.replace(" ", "").isalpha():
        return name.lower().split()  # the same, at a third of the cost
    return unicodedata.normalize("NFKD", name).translate(_FOLD).split()


def whole(name: str) -> str:
    """A full name as one text, the same in whichever order its words stand; "" for one without a letter."""
    return " ".join(sorted(words(name)))


def near(one: str, other: str, slips: int) -> bool:
    """Whether at most so many letters were missed, added, mistaken or swapped with their neighbour."""
    if abs(len(one) - len(other)) > slips:
        return False
    at, shorter = 0, min(len(one), len(other))
    while at < shorter and one[at] == other[at]:
        at += 1
    a, b = one[at:], other[at:]
    if slips == 1:
        return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[2:] == b[2:] and a[:2] == b[1::-1])
    if a == b:
        return True
    return slips > 0 and (
        near(a[1:], b[1:], slips - 1)
        or near(a[1:], b, slips - 1)
        or near(a, b[1:], slips - 1)
        or (a[:2] == b[1::-1] and near(a[2:], b[2:], slips - 1))
    )


class Wanted:
    """What somebody looks for. It remembers each word it has met, so that a name's words are compared once a search."""

    def __init__(self, query: str) -> None:
        self.whole = whole(query)
        self._words = list(dict.fromkeys(words(query)))[:MOST_WORDS]
        self._slips = [(len(word) >= 4) + (len(word) >= 8) for word in self._words]
        self._met: dict[str, list[int] | None] = {}

    def rank(self, names: Sequence[str]) -> tuple[int, int, int] | None:
        """How well somebody of these names fits, smallest best; None unless each word wanted fits one of hers."""
        best: list[int] | None = None
        for name in names:
            for word in words(name):
                fits = self._met[word] if word in self._met else self._meet(word)
                if fits is not None:
                    best = fits if best is None else list(map(min, best, fits))
        if best is None or (worst := max(best)) == MISS:
            return None
        return worst, int(self.whole not in map(whole, names)), sum(best)

    def _meet(self, word: str) -> list[int] | None:
        fits = [self._fit(word, wanted, slips) for wanted, slips in zip(self._words, self._slips, strict=True)]
        self._met[word] = found = None if min(fits, default=MISS) == MISS else fits
        return found

    def _fit(self, word: str, wanted: str, slips: int) -> int:
        if word.startswith(wanted):
            return EXACT if word == wanted else BEGINS
        return next((SLIP + n - 1 for n in range(1, slips + 1) if near(wanted, word, n)), MISS)

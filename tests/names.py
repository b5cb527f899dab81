"""Invented names in the proportions of real ones: a few are common, most are rare, and some people share one."""

import random
from itertools import accumulate

_BEGIN = (
    "al",
    "be",
    "ca",
    "da",
    "e",
    "fa",
    "ga",
    "ha",
    "i",
    "jo",
    "ka",
    "lu",
    "ma",
    "na",
    "o",
    "pe",
    "ro",
    "sa",
    "ta",
    "vi",
)
_MIDDLE = ("", "la", "ri", "no", "mi", "sha", "du", "ber", "ven", "ko", "lli", "tra")
_END = ("na", "ra", "lyn", "tte", "sha", "dy", "n", "ria", "lle", "zia", "s", "mi")
_LAST = ("ton", "son", "wick", "ez", "berg", "ski", "field", "man", "ova", "gomery", "ng", "ham", "der", "ti", "well")


class Names:
    """A stream of invented names: a first name of some 1,000 and a last name of some 10,000, by Zipf's law."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)
        self.first = self._pool([a + m + e for a in _BEGIN for m in _MIDDLE for e in _END], 1_000)
        self.last = self._pool([a + m + n + e for a in _BEGIN for m in _MIDDLE for n in _MIDDLE for e in _LAST], 10_000)
        self._weights = {
            len(pool): list(accumulate(1 / (n + 10) for n in range(len(pool)))) for pool in (self.first, self.last)
        }

    def _pool(self, names: list[str], size: int) -> list[str]:
        return [name.title() for name in self._random.sample(sorted(set(names)), size)]

    def one(self) -> str:
        """A name, such as `Lurina Hakoberton`."""
        first, last = (
            self._random.choices(pool, cum_weights=self._weights[len(pool)])[0] for pool in (self.first, self.last)
        )
        return f"{first} {last}"

"""How names are compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.names import MISS, Wanted, near, whole, words

LETTERS = st.text("abc", max_size=7)


class TestWords:
    @pytest.mark.parametrize(
        ("written", "compared"),
        [
            ("Renée  O\u2019Brien-Łoś", ["renee", "obrien", "los"]),
            ("RENE\u0301E", ["renee"]),
            ("Straße", ["strasse"]),
            ("İpek Iğd\u0131r", ["ipek", "igdir"]),
            ("Nguyễn Thị Đào", ["nguyen", "thi", "dao"]),
            ("أحمد", ["احمد"]),
            ("Αλεξάνδρα Παπαδοπούλου", ["αλεξανδρα", "παπαδοπουλου"]),
            ("Марія", ["марія"]),
            ("王小明", ["王", "小", "明"]),
            ("김민지", ["김민지"]),
            ("ガガ", ["カ\u3099カ\u3099"]),
            ("fi\u200dn", ["fin"]),
            ("🌊", ["🌊"]),
            ("100% 'or' 1=1; --", ["100", "or", "1", "1"]),
            ("\x00 !?", []),
            ("", []),
        ],
    )
    def test_are_without_case_accents_and_punctuation(self, written: str, compared: list[str]) -> None:
        """In any script; what is not a letter parts words or falls out."""
        import unicodedata

        assert words(written) == [unicodedata.normalize("NFKD", word) for word in compared]

    @given(st.text(alphabet=st.characters(max_codepoint=0x2FFF), max_size=30))
    def test_the_short_way_is_the_long_one(self, name: str) -> None:
        """Comparing what was compared before changes nothing, and plain names take no other way than the rest."""
        assert words(" ".join(words(name))) == words(name)
        assert words(name + "\u0301") == words(name) or not name

    @given(st.text())
    def test_nothing_breaks_them(self, name: str) -> None:
        """Whatever Unicode there is."""
        Wanted(name).rank([name, name[::-1]])
        assert whole(name) == " ".join(sorted(words(name)))


def distance(one: str, other: str) -> int:
    """The textbook's table: missed, added, mistaken and swapped letters (optimal string alignment)."""
    rows = [[max(i, j) if not i or not j else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            same = one[i - 1] == other[j - 1]
            rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (not same))
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]


class TestNear:
    @given(LETTERS, LETTERS, st.integers(1, 2))
    def test_is_the_textbooks_distance_within_a_bound(self, one: str, other: str, slips: int) -> None:
        """Few letters make words that are often near."""
        assert near(one, other, slips) == (distance(one, other) <= slips)


class TestRank:
    def rank(self, query: str, *names: str) -> int:
        """How well the worst word fits; MISS for none."""
        found = Wanted(query).rank(names)
        return MISS if found is None else found[0]

    @pytest.mark.parametrize(
        ("query", "rank"),
        [
            ("Wren Alder", 0), ("alder WREN", 0), ("wrén", 0), ("alder", 0), ("wr al", 1), ("al", 1), ("wrne", 2),
            ("wrenn", 2), ("wen", MISS), ("alde", 1), ("aldre", 2), ("wren heron", MISS), ("lder", 2), ("%", MISS),
            ("_ren", MISS), ("w_en", MISS), ("'", MISS), ("", MISS),
        ],
    )  # fmt: skip
    def test_whole_words_then_beginnings_then_slips(self, query: str, rank: int) -> None:
        """In any order, over all her names; a short word has to be right."""
        assert self.rank(query, "Wren Alder") == rank
        assert self.rank(query, "Alder", "Wren") == rank

    def test_a_long_word_may_hold_two_slips(self) -> None:
        """From eight letters on; ranked behind one slip."""
        assert self.rank("katherine", "Kathrine Vale") == 2
        assert self.rank("katherine", "Cathrine Vale") == 3
        assert self.rank("katherine", "Cathrina Vale") == MISS
        assert self.rank("kathrin", "Cathrine Vale") == MISS

    def test_the_whole_name_comes_before_a_longer_one(self) -> None:
        """Wren Alder, not Wren Alder Heron; said with either name."""
        wanted = Wanted("wren alder")
        ranks = [wanted.rank([name]) for name in ("Alder Wren", "Wren Alder Heron", "Wren Alders")]
        assert None not in ranks
        assert ranks == sorted(ranks)
        assert ranks[0] == (0, 0, 0)

    def test_more_than_eight_words_are_not_compared(self) -> None:
        """A query is bounded by more than its length."""
        assert self.rank("a b c d e f g h zzz", "Ada Bea Cy Di Eva Fay Gil Hal") == 1

"""Which passwords are taken: long ones of any kind, that are on no list and not made of words at hand."""

from uuid import uuid4

import pytest

from api import passwords
from api.passwords import Passwords, must_be_good
from models.errors import Invalid
from models.vault.keys import Vault

GOOD = "slow herons cross nine rivers"
PERSON = uuid4()


def fault(password: str, *words: str) -> str:
    """Why it is refused; empty when it is taken."""
    try:
        must_be_good(password, words)
    except Invalid as refused:
        return refused.faults[0].code
    return ""


@pytest.fixture
def hasher(vault: Vault) -> Passwords:
    """Hashing as the service does it."""
    return Passwords(vault.service)


def test_length_is_counted_in_characters():
    """15 to 256 of them, whatever they are, and at most 1,024 bytes."""
    varied = (GOOD * 10)[:256]
    assert [fault(varied[:14]), fault(varied[:15]), fault(varied[:64]), fault(varied), fault(varied + "x")] == [
        "password-short", "", "", "", "password-long",
    ]  # fmt: skip
    assert fault("ägyptische Wüste"[:15]) == ""
    assert fault("𓃠𓅓𓆣𓇳𓈖𓉐𓊖𓋴𓌳𓍯𓎛𓏏𓐍𓁹𓂋") == ""
    assert fault("𓃠" * 257) == "password-long"


@pytest.mark.parametrize(
    "password",
    [
        "only small letters here",
        "ONLYCAPITALLETTERS",
        "839201746512093",
        "  spaces at both ends  ",
        "¿dónde está el río?",
    ],
)
def test_no_rule_of_composition(password: str):
    """No kind of character is asked for, none is forbidden."""
    assert fault(password) == ""


@pytest.mark.parametrize("password", ["passwordpassword", "PasswordPassword", "123456789012345", "qwertyuiopasdfghjkl"])
def test_breached_ones_are_refused_in_any_case(password: str):
    """What is on a list of stolen ones, also in small letters."""
    assert fault(password) == "password-breached"


@pytest.mark.parametrize(
    "password", ["Waypost-Harbor-Waypost", "ana@harbor.example ana", "harborharborharbor1", "HARBOR house 2026"]
)
def test_words_at_hand_make_no_password(password: str):
    """Not the product's, the agency's or the person's, in any case or order; a long one may hold them."""
    words = ("ana@harbor.example", "Ana", "Harbor House")
    assert fault(password, *words) == "password-guessable"
    assert fault(f"harbor {GOOD}", *words) == ""


def test_it_is_taken_as_typed(hasher: Passwords):
    """Nothing is cut, trimmed or changed in case: each of these is another password. Composed or not is the same."""
    stored = hasher.hash_now(f" Éclat {GOOD}", PERSON)
    assert hasher._matches(f" Éclat {GOOD}", stored, PERSON)
    assert hasher._matches(f" E\u0301clat {GOOD}", stored, PERSON)
    long = GOOD * 8
    for other in (f"Éclat {GOOD}", f" éclat {GOOD}", f" Éclat {GOOD} ", f" Éclat {GOOD[:-1]}"):
        assert not hasher._matches(other, stored, PERSON)
    assert not hasher._matches(long[:-1], hasher.hash_now(long, PERSON), PERSON)


def test_one_time_passwords_cannot_be_guessed():
    """128 random bits and more, never twice, good enough for our own rules."""
    made = {passwords.one_time() for _ in range(1000)}
    assert len(made) == 1000
    signs = set("".join(made)) - {"-"}
    length = len(next(iter(made)).replace("-", ""))
    assert len(signs) ** length >= 2**128
    assert {fault(one) for one in made} == {""}

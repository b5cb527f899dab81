"""The tree of the ledger is RFC 6962's: the frontier gives the roots the standard's own recursion gives."""

from hashlib import sha256

import pytest

from models.ledger import merkle


def mth(leaves: list[bytes]) -> bytes:
    """The Merkle Tree Hash exactly as RFC 6962 section 2.1 writes it."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + mth(leaves[:split]) + mth(leaves[split:])).digest()


#: The eight leaves of the certificate-transparency reference tests, and the roots over the first n of them.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_reference_implementation(size: int) -> None:
    """Known answers, the empty tree's among them."""
    _, frontier = merkle.frontier_of(bytes.fromhex(leaf) for leaf in LEAVES[:size])
    assert merkle.root(frontier).hex() == ROOTS[size]


def test_every_size_to_130_has_the_root_of_the_recursion() -> None:
    """Appending one by one never leaves the standard's tree, and the frontier holds one hash per bit of the size."""
    leaves = [f"entry {n}".encode() for n in range(130)]
    frontier = b""
    for size, leaf in enumerate(leaves):
        assert merkle.root(frontier) == mth(leaves[:size])
        assert len(frontier) == 32 * size.bit_count()
        frontier = merkle.push(frontier, size, merkle.leaf_hash(leaf))
    assert merkle.root(frontier) == mth(leaves)

"""The RFC 6962 Merkle tree kept as a frontier: appending costs O(1) hashes on average, the root O(log n)."""

from collections.abc import Iterable
from hashlib import sha256

HASH = 32


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 | entry), RFC 6962 section 2.1."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 | left | right), RFC 6962 section 2.1."""
    return sha256(b"\x01" + left + right).digest()


def push(frontier: bytes, size: int, leaf: bytes) -> bytes:
    """The frontier after one more leaf. A frontier: hashes of the perfect subtrees, largest first, 32 bytes each."""
    peaks = [frontier[i : i + HASH] for i in range(0, len(frontier), HASH)]
    while size & 1:
        leaf = node_hash(peaks.pop(), leaf)
        size >>= 1
    return b"".join([*peaks, leaf])


def root(frontier: bytes) -> bytes:
    """The tree head of a frontier; of an empty one SHA-256 of nothing."""
    if not frontier:
        return sha256(b"").digest()
    head = frontier[-HASH:]
    for end in range(len(frontier) - HASH, 0, -HASH):
        head = node_hash(frontier[end - HASH : end], head)
    return head


def frontier_of(entries: Iterable[bytes]) -> tuple[int, bytes]:
    """Size and frontier recomputed from the entries themselves."""
    size, frontier = 0, b""
    for entry in entries:
        frontier = push(frontier, size, leaf_hash(entry))
        size += 1
    return size, frontier

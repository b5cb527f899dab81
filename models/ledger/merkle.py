"""The RFC 6962 Merkle tree kept as a frontier: appending costs O(1) hashes on average, the root O(log n)."""

from collections.abc import Iterable, Sequence

from models.ledger.offline import TILE, leaf_hash, node_hash, path_of, root_of, tile_of

__all__ = ["HASH", "TILE", "frontier_of", "leaf_hash", "node_hash", "path", "push", "root", "tile"]
HASH = 32


def _peaks(frontier: bytes) -> list[bytes]:
    return [frontier[i : i + HASH] for i in range(0, len(frontier), HASH)]


def push(frontier: bytes, size: int, leaf: bytes) -> bytes:
    """The frontier after one more leaf. A frontier: hashes of the perfect subtrees, largest first, 32 bytes each."""
    peaks = _peaks(frontier)
    while size & 1:
        leaf = node_hash(peaks.pop(), leaf)
        size >>= 1
    return b"".join([*peaks, leaf])


def tile(frontier: bytes, leaf: bytes) -> bytes:
    """The root of the run of 256 leaves that this leaf completes, from the frontier before it."""
    return tile_of(_peaks(frontier), leaf)


def root(frontier: bytes) -> bytes:
    """The tree head of a frontier; of an empty one SHA-256 of nothing."""
    return root_of(_peaks(frontier))


def path(index: int, size: int, run: Sequence[bytes], tiles: Sequence[bytes], frontier: bytes) -> list[bytes]:
    """The way from leaf `index` to the root of a tree of `size` leaves: through its run of at most 256 leaf hashes,
    then over the roots of all complete runs and of what stands behind them, which the frontier knows."""
    behind = _peaks(frontier)[(size // TILE).bit_count() :]
    runs = [*tiles, root_of(behind)] if size % TILE else tiles
    return path_of(run, index % TILE) + path_of(runs, index // TILE)


def frontier_of(entries: Iterable[bytes]) -> tuple[int, bytes]:
    """Size and frontier recomputed from the entries themselves."""
    size, frontier = 0, b""
    for entry in entries:
        frontier = push(frontier, size, leaf_hash(entry))
        size += 1
    return size, frontier

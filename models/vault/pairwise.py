"""Names of rows that one integration alone has: two partners who put their data together find no id in common."""

from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class Pairwise:
    """One AES-256 block an id, under a key of the agency for one integration (decision 25).

    A block cipher is a bijection: every id has one name and every name one id, with no table to keep. Whoever has no
    key cannot tell names from random ids, nor those of one integration from those of another. What is no name of ours
    becomes an id that no row has.
    """

    def __init__(self, key: bytes) -> None:
        # One block that is never equal to another under the same key: there is nothing for a mode to chain.
        self._cipher = Cipher(algorithms.AES256(key), modes.ECB())  # noqa: S305

    def name(self, row_id: UUID) -> UUID:
        """What the integration calls this row."""
        return UUID(bytes=self._cipher.encryptor().update(row_id.bytes))

    def row(self, name: UUID) -> UUID:
        """The id behind a name. Of what is no name: an id at random."""
        return UUID(bytes=self._cipher.decryptor().update(name.bytes))

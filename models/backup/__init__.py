"""Backups in two halves (decision 21): data that may be old, and keys with the ledger, which must be the newest.
Read in this order: stores (tables as a copy sees them), halves (the folder), words (the ledger's last word on
each row), notes (checkpoints kept outside), save, check, restore."""

from dataclasses import dataclass


@dataclass
class Refused(Exception):
    """Why halves are not written or not restored: what, why it matters, what to do next. Nothing was changed."""

    what: str
    why: str
    next_step: str

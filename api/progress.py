"""Progress, as plans and the caseload show it."""

from typing import Any

from api.shapes import Out


class Progress(Out):
    """How many tickable items stand where; `total` leaves out what was declined. It never says how safe anybody is."""

    done: int
    in_progress: int
    planned: int
    offered: int
    not_applicable: int
    declined: int
    not_safe_now: int
    total: int

    @classmethod
    def of(cls, row: Any) -> "Progress":
        """From a row with the plan's counters."""
        return cls(
            done=row.done,
            in_progress=row.in_progress,
            planned=row.planned,
            offered=row.offered,
            not_applicable=row.not_applicable,
            declined=row.declined,
            not_safe_now=row.not_safe_now,
            total=row.done + row.in_progress + row.planned + row.offered + row.not_applicable + row.not_safe_now,
        )

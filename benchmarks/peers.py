"""What others need for the same work, and what Waypost has to reach: earlier measurements of ours on a quiet machine.

Requests a second of one process with 8 connections on a 2-core machine; each peer's work was made the same: token and
user row checked, agency checked in SQL, notes sealed, one audit row in the transaction. See docs/speed.md.
"""

from typing import NamedTuple

#: CPU ms of a Starlette route answering 13.7 KB there; measured again here, it tells how this machine compares.
STARLETTE_MS = 0.10


class Peers(NamedTuple):
    """Requests a second of each peer, on SQLite unless said otherwise."""

    directus: float
    strapi: float
    drf: float
    pocketbase: float


class Goals(NamedTuple):
    """Times faster than each peer, and the least share of the CPU floor."""

    directus: float
    strapi: float
    drf: float
    pocketbase: float
    floor: float


NAMES = ("Directus 11", "Strapi 5", "Django REST framework", "PocketBase with hooks")
SQLITE = {
    "caseload": Peers(23, 56, 63, 208),
    "read_plan": Peers(38, 77, 77, 242),
    "tick": Peers(42, 71, 103, 378),
    "create_plan": Peers(6, 6, 90, 87),
    "schedule_review": Peers(30, 69, 82, 432),
    "create_client": Peers(26, 64, 97, 389),
}
#: On PostgreSQL only two peers were measured.
POSTGRESQL = {
    "caseload": (19, 55),
    "read_plan": (33, 66),
    "tick": (38, 75),
    "create_plan": (8, 69),
}
GOALS = {
    "tick": Goals(15, 8, 6, 1.6, 0.30),
    "read_plan": Goals(15, 7, 7, 2.4, 0.35),
    "caseload": Goals(25, 10, 9, 2.8, 0.30),
    "create_plan": Goals(80, 80, 6, 6, 0.40),
    "schedule_review": Goals(15, 7, 6, 1.3, 0.30),
    "create_client": Goals(15, 7, 6, 1.3, 0.30),
}
POSTGRESQL_GOALS = {"tick": (15.0, 8.0)}
MOST_MIB, MOST_START, MOST_KIB_A_CLIENT, MOST_P99_TO_P50 = 110, 1.5, 18, 4.0

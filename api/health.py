"""Whether this process can serve: asked by /health/ready, `status` and `doctor` alike."""

import asyncio
import time

import orjson
from fastapi import FastAPI
from starlette.responses import Response

import migrations
from models.access import PLATFORM
from models.agency import agency_ids
from models.database import Database, Unit
from models.ledger import book
from models.workspace import Workspace

KEPT = 1.0  # seconds an answer of /health/ready is good for: asking often costs nobody anything


def look(db: Workspace) -> dict[str, str]:
    """Each part and "ok", or in one word what is wrong, as the platform sees it."""
    book.head(db)
    fit = migrations.fit_of(db.connection)
    return {"database": "ok", "ledger": "ok", "migrations": "ok" if fit is migrations.Fit.FITS else fit.value}


def checks(database: Database) -> dict[str, str]:
    """What `look` finds, and whether the root key opens the first agency's key; on the calling thread."""
    seen, agencies = Unit(PLATFORM, look), Unit(PLATFORM, agency_ids)
    database.run([seen])
    database.run([agencies])
    if seen.error or agencies.error:
        return {"database": "unavailable"}
    keys = [Unit(agency_id, database.vault.check) for agency_id in agencies.result()[:1]]
    for unit in keys:
        database.run([unit])
    return seen.result() | {"keys": "unavailable" if any(unit.error for unit in keys) else "ok"}


async def readiness(app: FastAPI) -> Response:
    """200 when every part is ok, else 503; parts only, no details. Looked at on the lane, at most once a second."""
    looked_at, found = getattr(app.state, "readiness", (0.0, {}))
    if time.monotonic() - looked_at > KEPT:
        under_way: asyncio.Task[dict[str, str]] | None = getattr(app.state, "look", None)
        if under_way is None or under_way.done():  # however many ask, one looks
            under_way = app.state.look = asyncio.create_task(_looked(app))
        found = await asyncio.shield(under_way)
        app.state.readiness = (time.monotonic(), found)
    healthy = all(state == "ok" for state in found.values())
    body: dict[str, object] = {"status": "ready" if healthy else "unavailable", "checks": found}
    return Response(orjson.dumps(body), 200 if healthy else 503, media_type="application/json")


async def _looked(app: FastAPI) -> dict[str, str]:
    lane, vault = app.state.lane, app.state.database.vault
    try:
        found: dict[str, str] = await lane.run(Unit(PLATFORM, look))
        for agency_id in (await lane.run(Unit(PLATFORM, agency_ids)))[:1]:
            await lane.run(Unit(agency_id, vault.check))
    except Exception:  # noqa: BLE001 - whatever it is, the answer is that it is not ready
        return {"database": "unavailable"}
    return found | {"keys": "ok"}

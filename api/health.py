"""Whether this process can serve: asked by /health/ready, `status` and `doctor` alike."""

from typing import Any

import orjson
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

import migrations
from models.access import PLATFORM
from models.database import Database, Unit
from models.ledger import book


def checks(database: Database) -> dict[str, str]:
    """Each part and "ok", or in one word what is wrong."""
    found: dict[str, str] = {}
    try:
        fit = migrations.fit(database.engine)
        found["database"] = "ok"
        found["migrations"] = "ok" if fit is migrations.Fit.FITS else fit.value
    except Exception:  # noqa: BLE001 - whatever it is, the answer is that it is not ready
        return {"database": "unavailable"}
    unit = Unit(PLATFORM, book.head)
    database.run([unit])
    found["ledger"] = "ok" if unit.error is None else "unavailable"
    found["keys"] = "ok"  # the vault was opened when the process started, or there would be no process
    return found


async def readiness(app: FastAPI) -> Response:
    """200 when every part is ok, else 503; parts only, no details."""
    found = await run_in_threadpool(checks, app.state.database)
    healthy = all(state == "ok" for state in found.values())
    body: dict[str, Any] = {"status": "ready" if healthy else "unavailable", "checks": found}
    return Response(orjson.dumps(body), 200 if healthy else 503, media_type="application/json")

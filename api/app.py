"""The application: the one place where things are put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from api import log, openapi
from api.alarms import Alarms
from api.courier import Courier
from api.errors import answer, problem
from api.lane import Lane
from api.limits import Limits
from api.mailer import transport
from api.middleware import Shell
from api.oidc import Providers
from api.passwords import Passwords
from api.paths import Paths
from api.publisher import Publisher
from api.routes import (
    access_history,
    agency,
    assignments,
    audit,
    break_glass,
    canaries,
    caseload,
    checklist,
    checkpoints,
    client_search,
    clients,
    colleagues,
    conflict_checks,
    covers,
    destructions,
    factor_resets,
    identity_providers,
    integrations,
    invitations,
    legal_holds,
    me,
    notices,
    oauth,
    opened_clients,
    password_resets,
    plan_sections,
    plans,
    released_clients,
    releases,
    reviews,
    second_factor,
    service,
    sessions,
    setup,
    sso,
    staffing_requests,
    teams,
    templates,
    users,
    volunteers,
    walls,
)
from api.settings import Environment, Settings
from api.tokens import Tokens
from models.database import Database, Unit

VERSION = "0.1.0"
DESCRIPTION = (
    "Safety plans kept useful and safe, for domestic-violence advocates. Not an emergency service. Every answer says "
    "in RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-11) how many more may be asked for."
)
RESOURCES = (
    sessions,
    sso,
    staffing_requests,
    identity_providers,
    me,
    second_factor,
    notices,
    setup,
    invitations,
    password_resets,
    users,
    colleagues,
    teams,
    covers,
    factor_resets,
    agency,
    templates,
    clients,
    access_history,
    canaries,
    client_search,
    conflict_checks,
    break_glass,
    assignments,
    walls,
    caseload,
    plans,
    plan_sections,
    volunteers,
    checklist,
    reviews,
    releases,
    integrations,
    oauth,
    released_clients,
    legal_holds,
    destructions,
    audit,
    checkpoints,
    opened_clients,
)


def create_app(settings: Settings, database: Database) -> FastAPI:
    """The service over an opened database. It owns the lane; closing the application drains it."""
    log.configure(settings.log_level)
    service_keys = database.vault.service
    alarms = Alarms(settings.alarm_url)
    database.watch.most, database.watch.tell = settings.clients_an_hour, alarms.tell
    database.post.origin = settings.origin()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.lane = Lane(database, settings.database_pool, settings.queue)
        publisher = Publisher(database, app.state.lane, settings.checkpoint_sinks)
        publisher.start()
        courier = _courier(settings, database, app.state.lane)
        yield
        if courier is not None:
            await asyncio.to_thread(courier.close)
        await publisher.close()
        app.state.lane.close()
        alarms.close()

    app = FastAPI(
        title="Waypost",
        version=VERSION,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        generate_unique_id_function=openapi.operation_id,
        telemetry={"logs": False, "auto_configure": False},
    )
    app.state.settings, app.state.database = settings, database
    app.state.tokens, app.state.passwords = Tokens(service_keys), Passwords(service_keys)
    here = settings.env is not Environment.PRODUCTION
    app.state.providers = Providers(f"{settings.origin()}/sso", loopback=here)
    app.state.metrics_token = settings.metrics_token()
    app.state.limits = Limits(settings, service_keys.email_tag)
    for resource in RESOURCES:
        app.include_router(resource.router, prefix="/v1")
    app.include_router(service.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _failed)
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]
    app.add_middleware(Paths)
    app.add_middleware(Shell, settings=settings)
    return app


def _courier(settings: Settings, database: Database, lane: Lane) -> Courier | None:
    """Who sends this process's mail, begun; None where no mail is sent."""
    way, loop = transport(settings), asyncio.get_running_loop()
    if way is None:
        return None

    def run(unit: Unit[Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(lane.run(unit), loop).result()

    courier = Courier(way, settings.sender(), run)
    database.post.wake = courier.wake
    courier.start()
    return courier


async def _refused(request: Request, error: Exception) -> Response:
    """What no path of ours is, and Starlette refused: a file that is not there, a method no file has."""
    status = getattr(error, "status_code", 500)
    if status == 405:
        return problem(request, "method-not-allowed", headers={"allow": "GET, HEAD"})
    return problem(request, {404: "not-found", 413: "body-too-large"}.get(status, "bad-request"))


async def _failed(request: Request, error: Exception) -> Response:
    return answer(request, error)

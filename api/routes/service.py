"""The service itself: health, metrics, documentation, problems explained, the quick exit."""

import asyncio
import hmac
import ipaddress
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.errors import answer, language_of, problem
from api.health import readiness
from api.limits import RateLimited
from api.openapi import document
from api.problems import PROBLEMS, page
from models.access import PLATFORM
from models.agency import all_agencies
from models.database import Unit
from models.errors import Unauthenticated

router = APIRouter(include_in_schema=False)
EVERYDAY_PAGE = "https://www.weather.gov/"
EXIT_WITHIN = 0.3  # seconds
STATIC = Path(__file__).parent.parent / "static"


@router.get("/health/live")
async def live() -> PlainTextResponse:
    """The process answers."""
    return PlainTextResponse("ok\n")


@router.get("/health/ready")
async def ready(request: Request) -> Response:
    """Whether requests can be served: database, migrations, keys, ledger."""
    return await readiness(request.app)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus metrics, for loopback or with the metrics token."""
    token = request.app.state.metrics_token
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    direct = "x-forwarded-for" not in request.headers and _loopback(request.state.ip)
    if not (direct or (token and hmac.compare_digest(given.encode(), token.get_secret_value().encode()))):
        return answer(request, Unauthenticated())
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """The contract."""
    if not request.app.state.settings.docs:
        return problem(request, "not-found")
    return Response(document(request.app), media_type="application/json")


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The contract, to read and to try."""
    if not request.app.state.settings.docs:
        return problem(request, "not-found")
    return _file("docs")


@router.get("/")
async def home() -> Response:
    """Where the mail about a notice leads, and whoever types the address."""
    return _file("home")


@router.get("/setup")
async def setup() -> Response:
    """Where the set-up link leads; its token stays behind the # and never reaches a log."""
    return _file("setup")


@router.get("/welcome")
async def welcome() -> Response:
    """Where an invitation leads; its token stays behind the # and never reaches a log."""
    return _file("welcome")


@router.get("/reset")
async def reset() -> Response:
    """Where a password reset leads."""
    return _file("reset")


@router.get("/sso")
async def sso() -> Response:
    """Where the identity provider sends people back to: the page posts the code they bring."""
    return _file("sso")


def _file(name: str) -> FileResponse:
    return FileResponse(STATIC / f"{name}.html", media_type="text/html")


@router.get("/problems/{code}")
async def explain(code: str, request: Request) -> Response:
    """A problem's cause, an example and what to do."""
    if code not in PROBLEMS:
        return problem(request, "not-found")
    language = language_of(request.headers)
    return HTMLResponse(page(code, language), headers={"content-language": language, "vary": "Accept-Language"})


@router.get("/exit")
async def leave(request: Request) -> Response:
    """The quick exit: away to an everyday page, leaving nothing of ours in the browser. An installation of one agency
    leads to that agency's page; whose visitor somebody is among several cannot be known here."""
    unit = Unit(PLATFORM, all_agencies)
    try:
        if not request.state.meter.shown.allowed:
            raise RateLimited(request.state.meter.shown)  # still away, but not by way of the database
        agencies = await asyncio.wait_for(request.app.state.lane.run(unit), EXIT_WITHIN)
    except Exception:  # noqa: BLE001 - nothing keeps anybody from leaving
        agencies = []
    target = agencies[0].exit_url if len(agencies) == 1 else None
    clear = {"clear-site-data": '"cache", "cookies", "storage"', "referrer-policy": "no-referrer"}
    return RedirectResponse(target or EVERYDAY_PAGE, status_code=303, headers=clear)


def _loopback(ip: str | None) -> bool:
    try:
        return ip is not None and ipaddress.ip_address(ip).is_loopback
    except ValueError:
        return False

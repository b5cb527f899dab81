"""The servers that are measured: `python -m benchmarks.server waypost|starlette PORT`, as `python -m api serve` runs one.

Waypost takes its settings from WAYPOST_* variables. The Starlette floor takes a JSON file that maps an operation's
method and path to the status and bytes to answer with: the same work for the network, none for anything else.
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import uvicorn


def waypost() -> Any:
    """The service itself, everything on."""
    from api.app import create_app
    from api.settings import Settings
    from models.database import Database
    from models.vault.keys import Vault
    from models.vault.roots import FileRoot
    from models.vault.service import ServiceKeys

    settings = Settings()
    vault = Vault(FileRoot(settings.keys / "root.json"), ServiceKeys(settings.keys / "service.json"))
    return create_app(settings, Database(settings.app_url(), vault, settings.database_pool))


def starlette(answers: Path) -> Any:
    """Routes that read the request whole and answer with bytes made before."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    def route(method: str, path: str, status: int, content: bytes) -> Route:
        async def answer(request: Request) -> Response:
            await request.body()
            return Response(content, status, media_type="application/json")

        return Route(path, answer, methods=[method])

    stored = json.loads(answers.read_text())
    return Starlette(routes=[route(m, p, status, base64.b64decode(body)) for m, p, status, body in stored])


def main() -> None:
    """Serve on loopback until told to stop."""
    kind, port, *rest = sys.argv[1:]
    app = waypost() if kind == "waypost" else starlette(Path(rest[0]))
    config = uvicorn.Config(
        app, "127.0.0.1", int(port), loop="uvloop", http="httptools", ws="none", log_config=None, access_log=False,
        server_header=False, date_header=False, proxy_headers=False,
    )  # fmt: skip
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()

"""The floor's server: a Starlette route that reads the same request and answers with the same bytes, and nothing else.

`python -m benchmarks.server PORT ANSWERS`, where ANSWERS is a JSON list of [method, path, status, body in
base64]. It runs under uvicorn as `python -m api serve` does, which is what it is measured beside.
"""

import base64
import json
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def starlette(answers: Path) -> Starlette:
    """The application."""
    stored = json.loads(answers.read_text())
    return Starlette(routes=[_route(m, path, status, base64.b64decode(body)) for m, path, status, body in stored])


def _route(method: str, path: str, status: int, content: bytes) -> Route:
    async def answer(request: Request) -> Response:
        await request.body()
        return Response(content, status, media_type="application/json")

    return Route(path, answer, methods=[method])


def main() -> None:
    """Serve on loopback until told to stop."""
    port, answers = sys.argv[1:]
    config = uvicorn.Config(
        starlette(Path(answers)),
        port=int(port),
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()

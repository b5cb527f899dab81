"""Method and path → operation, in one walk over the path's steps: FastAPI declares the routes, and asks each of them,
router by router, for every request; with sixty operations that is half the cost of a request's way in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.requests import Request
from starlette.responses import Response

from api.door import Door
from api.errors import problem

Handle = Callable[[Request], Awaitable[Response]]


@dataclass
class _Place:
    """One path: its template, what may be done there, and the paths below it. A fixed step beats a variable one."""

    template: str = ""
    handles: dict[str, Handle | None] = field(default_factory=dict)  # None: FastAPI serves it
    below: dict[str, "_Place"] = field(default_factory=dict)
    variable: "tuple[str, _Place] | None" = None

    def child(self, step: str) -> "_Place":
        """The place one declared step further down, made when it is new."""
        if not step.startswith("{"):
            return self.below.setdefault(step, _Place())
        name, place = self.variable = self.variable or (step.strip("{}"), _Place())
        if name != step.strip("{}"):
            raise TypeError(f"one step of a path has two names, {name} and {step}: choose one")
        return place


class Paths:
    """Pure ASGI: answers what goes through the Door, refuses what has a path and no such method, passes on the rest."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._root: _Place | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request to its operation. The path's template is left in the request's state, for log and metrics."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        place, values = self._find(scope)
        if place is None:
            await self.app(scope, receive, send)
            return
        scope["state"]["template"] = place.template
        method = scope["method"]
        if method not in place.handles:
            refusal = problem(Request(scope), "method-not-allowed", headers={"allow": ", ".join(sorted(place.handles))})
            await refusal(scope, receive, send)
            return
        handle = place.handles[method]
        if handle is None:
            await self.app(scope, receive, send)
            return
        scope["path_params"] = values
        response = await handle(Request(scope, receive))
        await response(scope, receive, send)

    def _find(self, scope: Any) -> tuple[_Place | None, dict[str, str]]:
        if self._root is None:
            self._root = _read(scope["app"])
        place, values = self._root, {}
        for step in scope["path"].split("/"):
            if step in place.below:
                place = place.below[step]
            elif step and place.variable is not None:
                name, place = place.variable
                values[name] = step
            else:
                return None, {}
        return (place if place.handles else None), values


def _read(app: FastAPI) -> _Place:
    """Every declared route, once."""
    root = _Place()
    for route in iter_route_contexts(app.routes):
        if route.methods is None or route.path is None:
            continue  # a mount: files
        place = root
        for step in route.path.split("/"):
            place = place.child(step)
        place.template = route.path
        handle = route.original_route.serve if isinstance(route.original_route, Door) else None
        place.handles |= dict.fromkeys(route.methods, handle)
    return root

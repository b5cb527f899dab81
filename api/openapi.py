"""The contract as a document: OpenAPI 3.1 with every error and an example on every operation."""

from typing import Any

import orjson
from fastapi import FastAPI


def document(app: FastAPI) -> bytes:
    """The OpenAPI document as JSON, the same bytes for the same code."""
    return orjson.dumps(app.openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def describe(app: FastAPI) -> dict[str, Any]:
    """What app.openapi() answers."""
    return FastAPI.openapi(app)

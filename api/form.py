"""OAuth's way of asking and refusing (RFC 6749): a form in, `{"error": …}` out, for its token endpoint alone."""

import base64
import re
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from api.errors import answer
from models.errors import DomainError, Invalid, NotFound

KIND = "application/x-www-form-urlencoded"
MOST = 20  # parameters
_TEXT = re.compile(r"[\x20-\x7e]*")


class OAuthRefused(DomainError):
    """A refusal in RFC 6749's own word (5.2)."""

    code = "bad-request"

    def __init__(self, error: str) -> None:
        super().__init__()
        self.error = error


def read(request: Request, raw: bytes, shape: type[BaseModel]) -> BaseModel:
    """A form and the client's Basic credentials as one shape. What it does not declare is ignored and what has no value
    is absent (3.2); a parameter sent twice, or two ways of showing a secret, are OAuthRefused."""
    kind, _, more = request.headers.get("content-type", "").partition(";")
    if kind.strip().lower() != KIND or more.strip().lower() not in ("", "charset=utf-8", 'charset="utf-8"'):
        raise OAuthRefused("invalid_request")
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST)
    except ValueError:
        raise OAuthRefused("invalid_request") from None
    sent = dict(pairs)
    if len(sent) < len(pairs) or not all(map(_TEXT.fullmatch, sent.values())):
        raise OAuthRefused("invalid_request")
    values = {name: value for name, value in sent.items() if value and name in shape.model_fields}
    try:
        return shape.model_validate(_with_credentials(request, values))
    except ValidationError:
        raise OAuthRefused("invalid_request") from None


def _with_credentials(request: Request, values: dict[str, Any]) -> dict[str, Any]:
    shown = request.headers.getlist("authorization")
    if not shown:
        return values
    scheme, _, text = shown[0].partition(" ")
    if len(shown) > 1 or "client_secret" in values:
        raise OAuthRefused("invalid_request")
    try:
        if scheme.lower() != "basic":
            raise ValueError
        whole = base64.b64decode(text.strip(), validate=True).decode("ascii")
        client_id, colon, secret = whole.partition(":")
        if not colon:
            raise ValueError
    except ValueError:
        raise OAuthRefused("invalid_client") from None
    client_id = unquote_plus(client_id)
    if values.get("client_id", client_id) != client_id:
        raise OAuthRefused("invalid_request")
    return values | {"client_id": client_id, "client_secret": unquote_plus(secret)}


def refusal(request: Request, error: BaseException) -> Response:
    """The answer for any error: in OAuth's form what OAuth has a word for, a problem for the rest (429, 503)."""
    word = error.error if isinstance(error, OAuthRefused) else "invalid_request"
    if not isinstance(error, OAuthRefused | Invalid | NotFound) and getattr(error, "code", "") != "bad-request":
        return answer(request, error)
    headers = {"pragma": "no-cache"}
    if word == "invalid_client":
        headers["www-authenticate"] = 'Basic realm="waypost"'
    request.state.code = word
    body = orjson.dumps({"error": word})
    return Response(body, 401 if word == "invalid_client" else 400, headers, "application/json")

"""JSON to a key service over HTTPS: bounded, never redirected, and each failure one of three lines."""

from typing import Any

import requests

from models.vault.key_services.contract import CONNECT, READ, away, strange

Answer = tuple[int, dict[str, Any]]


def call(
    session: requests.Session, label: str, method: str, url: str, body: Any, headers: dict[str, str] | None = None
) -> Answer:
    """Status and JSON of an answer that is the service's own: done (2xx) or refused (4xx). Raises KeysAway when it is
    not reached or busy, KeyRefused for a redirect and for what is no JSON."""
    try:
        answer = session.request(
            method, url, json=body, headers=headers, timeout=(CONNECT, READ), allow_redirects=False
        )
    except requests.RequestException as error:
        raise away(label, type(error).__name__) from None
    status, content = answer.status_code, _json(answer)
    if status >= 500 or status in (408, 429):
        raise away(label, f"status {status}")
    if not isinstance(content, dict) or 300 <= status < 400:
        raise strange(label, f"status {status}")
    return status, content


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json() if answer.content else {}
    except requests.JSONDecodeError:
        return None

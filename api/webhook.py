"""Posting to an address an operator chose: nothing followed, nothing from the environment, no long wait."""

PATIENCE = 5.0  # seconds


def post(address: str, body: bytes, kind: str) -> None:
    """One POST of this media type. Raises ConnectionError, in a word or a status and never with the address (it may
    hold a secret), unless the answer is 2xx. No redirect, no proxy and no password of the environment."""
    import httpx2  # noqa: PLC0415 - 12 MiB that only an installation with a webhook needs

    try:
        with httpx2.Client(timeout=PATIENCE, trust_env=False, follow_redirects=False) as client:
            answer = client.post(address, content=body, headers={"content-type": kind, "user-agent": "Waypost"})
    except httpx2.HTTPError as error:
        raise ConnectionError(type(error).__name__) from None
    if not answer.is_success:
        raise ConnectionError(f"status {answer.status_code}")

"""What a browser is told with every answer, whoever led it here: nothing to run, nothing to load, nobody let in."""

from collections.abc import Iterator

import pytest

from tests.api.contract import API_POLICY
from tests.conftest import Api
from tests.factories import RECIPES, doer, operations, stage
from tests.hostile.answers import LOG, Watch
from tests.postgres import Urls

ELSEWHERE = "https://elsewhere.example"
PAGES = (
    "/",
    "/docs",
    "/reset",
    "/setup",
    "/sso",
    "/welcome",
    "/problems/not-found",
    "/static/page.css",
    "/static/docs.js",
)
BARE = ("/health/live", "/health/ready", "/metrics", "/openapi.json", "/exit", "/nowhere", "/v1/me", "/v1/clients?x=1")


@pytest.fixture
def watch(urls: Urls) -> Iterator[Watch]:
    """Sees every changed row from behind."""
    with Watch(urls) as watching:
        yield watching


def policy(answer) -> dict[str, str]:
    """The content security policy by its directives."""
    assert len(answer.headers.get_list("content-security-policy")) == 1
    parts = (part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


def test_an_answer_of_the_api_is_inert_in_a_browser(api: Api):
    """Somebody who opens it in a tab sees text: no script, no form, no frame, no origin."""
    for path in BARE:
        answer = api.get("ana" if path.startswith("/v1") else None, path, follow_redirects=False)
        assert answer.headers["content-security-policy"] == API_POLICY, path
        assert "sandbox" in policy(answer)
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", [*PAGES, *BARE])
def test_every_policy_names_what_the_default_does_not_cover(api: Api, path: str):
    """default-src is no default for base, forms and frames."""
    told = policy(api.get(None, path, follow_redirects=False))
    nothing = ("default-src", "base-uri", "form-action", "frame-ancestors")
    assert {name: told.get(name) for name in nothing} == dict.fromkeys(nothing, "'none'")
    assert not [value for value in told.values() if "unsafe" in value or "*" in value or "http" in value]


@pytest.mark.parametrize("origin", [ELSEWHERE, "null", "http://127.0.0.1"])
def test_no_origin_is_let_in(api: Api, origin: str):
    """No answer names an origin, repeats one or allows credentials; a preflight is a method nobody declared."""
    asks = {"origin": origin, "access-control-request-method": "PUT", "access-control-request-headers": "authorization"}
    preflight = api(None, "OPTIONS", "/v1/me/password", headers=asks)
    assert preflight.status_code == 405
    for answer in (preflight, api.get("ana", "/v1/me", headers=asks), api.get(None, "/openapi.json", headers=asks)):
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert origin not in str(answer.headers)


@pytest.mark.parametrize("path", [*PAGES, "/health/live", "/metrics"])
def test_text_says_its_character_set(api: Api, path: str):
    """Else a browser guesses. JSON is UTF-8 by definition."""
    kind = api.at("127.0.0.1").get(None, path).headers["content-type"]
    assert kind.startswith("text/"), path
    assert "charset=utf-8" in kind.lower()


def test_safe_methods_write_nothing_but_that_they_were_asked(api: Api, watch: Watch):
    """A GET leaves its entry and, where it opened somebody, that it did; no row of anything else."""
    scene = stage(api)
    seen = 0
    for operation in operations(api.client.app):
        if operation.method != "GET":
            continue
        scene.prepare(operation)
        who = doer(operation)
        api.token(who)
        watch.news()
        assert scene.send(operation, who).status_code == 200, operation.name
        assert set(watch.news()) <= LOG, operation.name
        seen += 1
    assert seen > 25
    assert seen == len([name for name in RECIPES if name.startswith("GET ")])

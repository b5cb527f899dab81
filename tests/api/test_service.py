"""The shell around every request and the service's own addresses: health, metrics, documents, the quick exit."""

import hashlib
import re
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts

import api as package
import migrations
from api.problems import PROBLEMS
from tests.api.contract import ALWAYS, NOWHERE, client, dressed, good, problem, same_refusal
from tests.conftest import Api, service
from tests.factories import FORMS, behind
from tests.postgres import Urls
from tests.world import World

STATIC = Path(package.__file__).parent / "static"
PAGE_POLICY = "default-src 'none'; script-src 'self'"


def operations(api: Api) -> list[tuple[str, str]]:
    """Every (method, path) of the application."""
    found = []
    for route in iter_route_contexts(api.client.app.routes):
        found += [(m, route.path) for m in sorted(getattr(route, "methods", None) or ())]
    assert len(found) > 55
    return found


def concrete(path: str) -> str:
    return re.sub(r"\{number\}", "1", re.sub(r"\{(?!number)\w+\}", NOWHERE, path))


class TestEveryAnswer:
    def test_has_its_headers_whatever_it_says(self, api: Api):
        """Every operation, asked by nobody: refused or served, always dressed, never a 5xx."""
        for method, path in operations(api):
            answer = api(None, method, concrete(path), follow_redirects=False)
            assert answer.status_code < 500, (method, path)
            if path.startswith("/v1"):
                dressed(answer)
                assert answer.status_code in ((400,) if f"{method} {path}" in FORMS else (401, 415, 422)), (
                    method,
                    path,
                )
            for name in ALWAYS:
                assert name in answer.headers, (method, path, name)

    def test_of_success_and_failure_alike(self, api: Api):
        """200, 201, 204, 304, 401, 403, 404, 405, 412, 415, 422 and 428."""
        one = client(api)["id"]
        for answer, status in (
            (api.get("ana", "/v1/me"), 200),
            (api.delete("ana", f"/v1/sessions/{NOWHERE}"), 404),
            (api.get("ana", "/v1/agency", headers={"if-none-match": '"1"'}), 304),
            (api.get(None, "/v1/me"), 401),
            (api.get("ana", "/v1/users"), 403),
            (api.get("ana", "/nowhere"), 404),
            (api("ana", "TRACE", "/v1/me"), 405),
            (api.patch("ana", f"/v1/clients/{one}", {}, if_match=9), 412),
            (api("ana", "POST", "/v1/clients", content=b"x"), 415),
            (api.get("ana", "/v1/me?x=1"), 422),
            (api.patch("ana", f"/v1/clients/{one}", {}), 428),
            (api.delete("ana", "/v1/sessions/current"), 204),
        ):
            assert answer.status_code == status
            dressed(answer)

    @pytest.mark.parametrize("given", ["6f1c2b9e0d4a4a5f", "A" * 64, "0b9d6e52-4f1a-4e3c-8a77-2c5d9e8f1a34"])
    def test_returns_a_well_formed_request_id(self, api: Api, given: str):
        """The caller's own id comes back, in a problem's body too."""
        assert api.get(None, "/health/live", headers={"x-request-id": given}).headers["x-request-id"] == given
        assert (
            problem(api.get(None, "/v1/me", headers={"x-request-id": given}), 401, "unauthenticated")["request_id"]
            == given
        )

    @pytest.mark.parametrize(
        "given",
        [
            "",
            "short",
            "01234567",
            "Maria.at.12.Elm.Street",
            "A" * 65,
            "has space",
            "new\tline",
            "<script>",
            "é" * 10,
            "a" * 5000,
        ],
    )
    def test_makes_one_instead_of_an_odd_one(self, api: Api, given: str):
        """What could hide something in a log is not taken over."""
        headers = {"x-request-id": given.encode("latin-1")}
        shown = api.get(None, "/health/live", headers=headers).headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{32}", shown)
        assert shown != api.get(None, "/health/live", headers=headers).headers["x-request-id"]

    def test_speaks_english_and_spanish(self, api: Api):
        """The same problem in the language asked for; English for any other."""
        for asked, language in (
            ("es", "es"),
            ("es-MX,en;q=0.5", "es"),
            ("en;q=0.5,es;q=0.9", "es"),
            ("fr,es;q=0.2", "es"),
            ("fr", "en"),
            ("es;q=0", "en"),
            ("*", "en"),
            (";;;q=,,", "en"),
            ("", "en"),
        ):
            answer = api.get("ana", f"/v1/clients/{NOWHERE}", headers={"accept-language": asked})
            body = problem(answer, 404, "not-found", language=language)
            assert body["title"] == PROBLEMS["not-found"].title[language]
        spanish, english = (
            problem(api.post("ana", "/v1/clients", {}, headers={"accept-language": t}), 422, "invalid", language=t)
            for t in ("es", "en")
        )
        assert spanish["title"] != english["title"]
        assert spanish["errors"][0]["message"] != english["errors"][0]["message"]
        assert spanish["errors"][0]["code"] == english["errors"][0]["code"]

    def test_every_type_of_problem_is_explained(self, api: Api):
        """The address in `type` serves a page, in both languages, under a policy of its own."""
        where = problem(api.get(None, "/v1/me"), 401, "unauthenticated")["type"]
        for language in ("en", "es"):
            answer = api.get(None, where, headers={"accept-language": language})
            assert answer.status_code == 200
            assert answer.headers["content-language"] == language
            assert f'<html lang="{language}">' in answer.text
            assert answer.headers["content-security-policy"].startswith(PAGE_POLICY)
        unknown = api.get(None, "/problems/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
        assert unknown.status_code == 404
        assert "script" not in unknown.text


class TestMethods:
    def test_allow_is_complete(self, api: Api):
        """A 405 names every method the address has, over all its routes; a fixed word is no id."""
        every = operations(api)
        for path in {concrete(path) for _, path in every}:
            fixed = {m for m, p in every if p == path}
            methods = fixed or {m for m, p in every if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", p), path)}
            for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD", "BREW"} - methods:
                answer = api(None, method, path)
                assert answer.status_code == 405, (method, path)
                assert set(answer.headers["allow"].split(", ")) == methods, (method, path)
                assert answer.headers["content-type"] == "application/problem+json"
        problem(api("ana", "POST", "/v1/me"), 405, "method-not-allowed")
        assert api("ana", "POST", "/v1/me").headers["allow"] == "GET, PATCH"

    def test_no_slash_is_added_or_taken(self, api: Api):
        """There is no redirect built from what the caller says its host is."""
        for path in ("/v1/me/", "/v1//me", "/V1/me", "/v1/clients/", "/", "/v1", "/v1/me/../me", "/%00"):
            answer = api.get("ana", path, follow_redirects=False)
            assert answer.status_code in (200, 404), path
            assert "location" not in answer.headers

    def test_unknown_addresses_are_one_answer(self, api: Api):
        """Whether it exists or not: the same 404."""
        same_refusal(api.get("ana", "/v1/nothing"), api.get("ana", "/x"), api.get("ana", f"/v1/clients/{NOWHERE}"))


class TestBodies:
    def send(self, api: Api, content: bytes, kind: str | None = "application/json", **headers: str):
        more = dict(headers) | ({"content-type": kind} if kind is not None else {})
        return api("ana", "POST", "/v1/clients", content=content, headers=more)

    @pytest.mark.parametrize(
        "kind",
        [
            None,
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/merge-patch+json",
            "application/json; charset=latin-1",
            "application/json; profile=x",
            "application/jsonp",
            "application/json, text/html",
            "text/json",
        ],
    )
    def test_only_json(self, api: Api, kind: str | None):
        """A POST takes application/json in UTF-8, by that very name."""
        problem(self.send(api, b'{"alias": "Wren"}', kind), 415, "unsupported-media-type")
        assert good(api.get("ana", "/v1/clients"))["data"] == []

    @pytest.mark.parametrize(
        "kind",
        [
            "application/json",
            "Application/JSON",
            'application/json;charset="utf-8"',
            "application/json ; charset=UTF-8",
        ],
    )
    def test_json_by_any_case(self, api: Api, kind: str):
        """Media types have no case."""
        good(self.send(api, b'{"alias": "Wren"}', kind), 201)

    def test_at_most_a_mebibyte(self, api: Api):
        """One byte more is 413, announced or in pieces; exactly that much is read."""
        whole = b'{"alias": "Wren"' + b" " * ((1 << 20) - 17) + b"}"
        assert len(whole) == 1 << 20
        good(self.send(api, whole), 201)
        problem(self.send(api, whole + b" "), 413, "body-too-large")
        problem(self.send(api, b"x" * (1 << 21)), 413, "body-too-large")
        pieces = (b"[" * 65536 for _ in range(64))
        problem(self.send(api, pieces), 413, "body-too-large")  # type: ignore[arg-type]

    @pytest.mark.parametrize("length", ["-1", "+5", "1e3", "\u00b2", "9" * 30, "9" * 5000, "0x10", "1, 1", "one", ""])
    def test_an_odd_length_is_refused(self, api: Api, length: str):
        """Whatever the server in front lets through."""
        answer = self.send(api, b"{}", **{"content-length": length.encode("latin-1")})  # type: ignore[arg-type]
        assert answer.status_code in (400, 413)
        assert answer.headers["content-type"] == "application/problem+json"

    def test_none_where_none_belongs(self, api: Api):
        """A GET or DELETE with a body is a mistake worth telling."""
        for method, path in (("GET", "/v1/me"), ("DELETE", f"/v1/sessions/{NOWHERE}"), ("GET", "/v1/clients")):
            body = problem(api("ana", method, path, content=b"[1]"), 422, "invalid")
            assert body["errors"][0]["code"] == "body-unexpected"


class TestHosts:
    @pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost:x", "[::2]", "a b"])
    def test_only_known_ones_are_answered(self, api: Api, host: str):
        """A name that is not ours gets nothing, not even a sign that a path exists."""
        problem(api.get("ana", "/v1/me", headers={"host": host}), 421, "host-unknown")

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8000", "LOCALHOST", "[::1]:8000"])
    def test_loopback_is_known(self, api: Api, host: str):
        """By any of its names and any port."""
        good(api.get("ana", "/v1/me", headers={"host": host}))


class TestHealth:
    def test_live(self, api: Api):
        """The process answers."""
        answer = api.get(None, "/health/live")
        assert (answer.status_code, answer.text) == (200, "ok\n")

    def test_ready(self, api: Api):
        """Every part is named and ok; no detail."""
        answer = api.get(None, "/health/ready")
        assert answer.status_code == 200
        body = answer.json()
        assert body["status"] == "ready"
        assert {"database", "migrations", "keys", "ledger"} <= set(body["checks"])
        assert set(body["checks"].values()) == {"ok"}

    def test_not_ready_without_a_database(self, api: Api, monkeypatch: pytest.MonkeyPatch):
        """A database behind the code is told apart from one that is away; both are 503."""

        def away(_):
            raise OSError

        monkeypatch.setattr(migrations, "fit_of", away)
        answer = api.get(None, "/health/ready")
        assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")


class TestMetrics:
    def test_counts_by_route_never_by_person(self, api: Api):
        """Ids and queries stand in no label."""
        one = client(api)["id"]
        api.get("ana", f"/v1/clients/{one}")
        text = api.at("127.0.0.1").get(None, "/metrics").text
        assert 'route="/v1/clients/{client_id}",status="200"' in text
        assert one not in text

    def test_is_not_for_strangers(self, api: Api):
        """From elsewhere only with the metrics token."""
        stranger = api.at("192.0.2.7")
        problem(stranger.get(None, "/metrics"), 401, "unauthenticated")
        problem(stranger.get("ada", "/metrics"), 401, "unauthenticated")

    def test_with_its_token(self, world: World, tmp_path: Path):
        """The token of the file, and no other."""
        file = tmp_path / "token"
        file.write_text("metrics-reader-for-the-harbor\n")
        with service(world, metrics_token_file=file) as api:
            stranger = api.at("192.0.2.7")
            for sent, status in (
                ("metrics-reader-for-the-harbor", 200),
                ("metrics-reader", 401),
                ("", 401),
                ("é", 401),
            ):
                headers = {"authorization": f"Bearer {sent}".encode("latin-1")}
                assert stranger.get(None, "/metrics", headers=headers).status_code == status


class TestPages:
    def test_docs_need_nothing_from_elsewhere(self, api: Api):
        """Every script, style and picture of the page is served here, under a policy that allows nothing else."""
        page = api.get(None, "/docs")
        assert page.status_code == 200
        policy = page.headers["content-security-policy"]
        assert policy.startswith(PAGE_POLICY)
        assert "unsafe" not in policy
        assert not re.search(r"https?://", page.text)
        assert not re.search(r"<script(?![^>]*\bsrc=)", page.text)
        linked = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert any("swagger" in one for one in linked)
        for one in linked:
            if not one.startswith("data:"):
                assert api.get(None, one).status_code == 200, one

    def test_the_vendored_files_are_what_they_claim(self, api: Api):
        """Each file's digest is the one written down beside it."""
        sums = next(STATIC.glob("vendor/**/*sha256*"), None) or next(STATIC.glob("vendor/**/SHA256*"))
        lines = [line.split() for line in sums.read_text().splitlines() if line.strip()]
        assert len(lines) >= 2
        for digest, name in lines:
            assert hashlib.sha256((sums.parent / name.lstrip("*")).read_bytes()).hexdigest() == digest

    def test_the_contract_is_served(self, api: Api):
        """OpenAPI 3.1, of every operation under /v1."""
        answer = api.get(None, "/openapi.json")
        assert answer.headers["content-type"] == "application/json"
        document = answer.json()
        assert document["openapi"].startswith("3.1")
        described = {(m.upper(), path) for path, item in document["paths"].items() for m in item if m != "parameters"}
        assert {(m, p) for m, p in operations(api) if p.startswith("/v1")} <= described

    def test_can_be_switched_off(self, world: World):
        """Without docs neither page nor document exists."""
        with service(world, docs=False) as quiet:
            same_refusal(quiet.get(None, "/openapi.json"), quiet.get(None, "/nowhere"))
            assert (quiet.get(None, "/docs").status_code, quiet.get(None, "/docs").json()["code"]) == (404, "not-found")

    @pytest.mark.parametrize(
        "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd", "/static/"]
    )
    def test_static_files_and_no_others(self, api: Api, path: str):
        """No way out of the folder, no listing."""
        answer = api.get(None, path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"

    def test_the_quick_exit(self, api: Api):
        """Away to an everyday page, and the browser forgets; it works for nobody in particular."""
        answer = api.get(None, "/exit", follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("https://")
        assert "waypost" not in answer.headers["location"]
        assert answer.headers["clear-site-data"] == '"cache", "cookies", "storage"'
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"

    @pytest.mark.parametrize("path", ["/setup", "/welcome", "/reset"])
    def test_the_pages_behind_a_link_hold_no_secret(self, api: Api, path: str):
        """Their token stays behind the # and is sent in a body only; no page that follows learns where it came from."""
        page = api.get(None, path)
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.status_code == 200
        assert page.headers["content-security-policy"].startswith(PAGE_POLICY)
        assert "token=" not in page.text


class TestClocks:
    def test_times_are_utc_whatever_the_servers_zone(self, world: World, urls: Urls, kind: str):
        """A database server that lives in another zone changes no answer."""
        if kind == "postgresql":
            with behind(urls.superuser) as connection:
                connection.exec_driver_sql(f"ALTER DATABASE {urls.name} SET timezone TO 'Asia/Kolkata'")
        with service(world) as api:
            good(api.get("ana", "/v1/sessions"))
            good(api.get("ada", "/v1/agency"))


class TestOneAddress:
    @pytest.mark.parametrize("path", ["/v1/m%65", "/v1/%63aseload", "/v1%2fme", "/v1/%2e/me"])
    def test_an_escape_where_the_plain_character_would_do(self, api: Api, path: str):
        """A thing has one spelling: 404 for the others."""
        assert api.get("ana", path).status_code == 404


class TestQueue:
    def test_too_many_at_once_are_told_to_come_back(self, api: Api, monkeypatch: pytest.MonkeyPatch):
        """When the lane is full the answer is 503 with Retry-After, at once, and nothing was kept."""
        lane = api.client.app.state.lane
        api.token("ana")
        monkeypatch.setattr(lane._turns, "put", lambda job: job)  # no room
        answer = api.post("ana", "/v1/clients", {"alias": "Wren"})
        assert problem(answer, 503, "overloaded")["retryable"] is True
        assert int(answer.headers["retry-after"]) >= 1
        monkeypatch.undo()
        assert good(api.get("ana", "/v1/clients"))["data"] == []

"""Bad input to every operation with a body or an id: always a 4xx problem, never an echo, nothing written."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from api.door import MOST_BODY
from tests.api.contract import active, client, dressed, good, review
from tests.api.test_templates import DOCUMENT, create
from tests.conftest import Api
from tests.world import PASSWORD, TEMPLATE

SEED = 20270131
CANARY = "kxcanaryqz"
ASKED = 2000
#: Odd values for any member. Whatever is valid for a member is taken out by `wrong`.
ODD: tuple[Any, ...] = (
    None,
    True,
    5,
    -1,
    0.5,
    2**63 - 1,
    "5",
    "",
    " ",
    "\u200b",
    f"{CANARY}\x00",
    f"{CANARY}\u202e\u2066",
    f"\ufeff{CANARY}",
    f"{CANARY}\x1b[2J",
    CANARY + "x" * 10_001,
    f"2027-02-30T10:00:00Z{CANARY}",
    "2027-01-31T10:00:00",
    "2027-13-01",
    "0000-00-00",
    "99999-01-01T00:00:00Z",
    [],
    {},
    [CANARY],
    [[CANARY]],
    {CANARY + " key": CANARY},
)
#: Bytes that are no body at all, by name; {} stands for the valid one.
BROKEN: dict[str, Any] = {
    "empty": lambda raw: b"",
    "list": lambda raw: b"[]",
    "list of it": lambda raw: b"[" + raw + b"]",
    "text": lambda raw: f'"{CANARY}"'.encode(),
    "null": lambda raw: b"null",
    "number": lambda raw: b"1",
    "cut": lambda raw: raw[:-1],
    "twice": lambda raw: raw + raw,
    "bom": lambda raw: b"\xef\xbb\xbf" + raw,
    "utf-16": lambda raw: raw.decode().encode("utf-16"),
    "utf-32": lambda raw: raw.decode().encode("utf-32"),
    "latin-1": lambda raw: b'{"' + CANARY.encode() + b'": "\xe9"}',
    "overlong": lambda raw: b'{"' + CANARY.encode() + b'": "\xc0\xaf"}',
    "nan": lambda raw: f'{{"{CANARY} x": NaN}}'.encode(),
    "infinity": lambda raw: f'{{"{CANARY} x": -Infinity}}'.encode(),
    "1e400": lambda raw: f'{{"{CANARY} x": 1e400}}'.encode(),
    "5000 digits": lambda raw: f'{{"{CANARY} x": {"9" * 5000}}}'.encode(),
    "10^40": lambda raw: f'{{"{CANARY} x": 1{"0" * 40}}}'.encode(),
    "high surrogate": lambda raw: f'{{"{CANARY} x": "\\ud800"}}'.encode(),
    "low surrogate": lambda raw: f'{{"{CANARY} x": "\\udc00{CANARY}"}}'.encode(),
    "surrogate name": lambda raw: b'{"\\ud83d": 1}',
    "40 deep": lambda raw: b'{"a":' * 40 + b"1" + b"}" * 40,
    "40 lists": lambda raw: b"[" * 40 + b"]" * 40,
    "90,000 deep": lambda raw: b"[" * 90_000,
    "5,000 keys": lambda raw: json.dumps({CANARY: 0} | {f"k{n}": n for n in range(5_000)}).encode(),
    "twins": lambda raw: b"{" + raw[1:-1] + b", " + raw[1:-1] + b"}",
    "single quotes": lambda raw: raw.replace(b'"', b"'") if b'"' in raw else b"{'a': 1}",
    "comment": lambda raw: raw + b"// " + CANARY.encode(),
    "NUL": lambda raw: raw + b"\x00",
    "control": lambda raw: b'{"a": "\n"}',
    "too large": lambda raw: b" " * (MOST_BODY + 1 - len(raw)) + raw,
}
#: Those are JSON, of the wrong kind; all others are not JSON as accepted here.
JSON_THOUGH = {"list", "list of it", "text", "null", "number"}
KINDS = ("text/plain", "application/xml", "multipart/form-data", "application/json; charset=utf-16", "", CANARY)


class Recipes:
    """Who sends which valid body to which operation; the ids are real and the caller may."""

    def __init__(self, api: Api) -> None:
        self.api = api
        one = client(api)["id"]
        whole = active(api, one, sections=["home", "bag"])
        section = whole["sections"][0]
        own = good(api.post("ana", f"/v1/plans/{whole['id']}/sections", {"title": "Own"}), 201)
        due = [review(api, whole["id"])["id"] for _ in range(3)]
        template, second = create(api), create(api)
        good(api.put("ada", f"/v1/templates/{second['id']}/versions/1/publication"))
        ben = str(api.world.people["ben"].actor.id)
        item = {"id": section["items"][0]["id"], "version": 1}
        contact = {"phone": "555-0134", "voicemail_ok": False, "warning": "Ring once."}
        known = {
            "alias": "Wren",
            "pronouns": "she",
            "date_of_birth": "1990-02-28",
            "languages": ["es"],
            "contact": contact,
        }
        ids = [{"system": "court", "value": "FA-1"}]
        signed_in = good(api.post(None, "/v1/sessions", {"email": "ben@harbor.example", "password": PASSWORD}), 201)
        self.ids = {"client_id": one, "plan_id": whole["id"], "user_id": ben, "section_id": own["id"], "number": "1"}
        self.ids |= {"item_id": item["id"], "review_id": due[0], "template_id": template["id"]}
        self.table: dict[tuple[str, str], tuple[str | None, dict[str, Any], dict[str, str]]] = {
            ("POST", "/v1/sessions"): (None, {"email": "ana@harbor.example", "password": PASSWORD}, {}),
            ("POST", "/v1/sessions/refresh"): (None, {"refresh_token": signed_in["refresh_token"]}, {}),
            ("POST", "/v1/setup"): (None, {}, {}),
            ("PATCH", "/v1/me"): ("ana", {"display_name": "Ana", "language": "es"}, {}),
            ("PUT", "/v1/me/password"): (
                "ben",
                {"current_password": PASSWORD, "new_password": "nine rivers and a bridge"},
                {},
            ),
            ("PATCH", "/v1/users/{user_id}"): (
                "ada",
                {"display_name": "Ben", "language": "es", "roles": ["advocate"]},
                {},
            ),
            ("PATCH", "/v1/agency"): (
                "ada",
                {"name": "Harbor", "time_zone": "UTC", "hotline": "555", "review_interval": "P2W"},
                {},
            ),
            ("POST", "/v1/templates"): ("ana", {"document": DOCUMENT}, {}),
            ("POST", "/v1/templates/{template_id}/versions"): (
                "ana",
                {"from_version": 1},
                {"template_id": second["id"]},
            ),
            ("PUT", "/v1/templates/{template_id}/versions/{number}"): ("ana", DOCUMENT, {}),
            ("POST", "/v1/clients"): (
                "ana",
                known | {"external_ids": ids, "status": "open", "opened_on": "2027-01-04"},
                {},
            ),
            ("PATCH", "/v1/clients/{client_id}"): ("ana", known | {"status": "dormant"}, {}),
            ("PUT", "/v1/clients/{client_id}/closure"): ("ana", {"reason": "Moved."}, {"client_id": client(api)["id"]}),
            ("POST", "/v1/clients/{client_id}/assignments"): ("sol", {"user_id": ben}, {}),
            ("POST", "/v1/clients/{client_id}/plans"): (
                "ana",
                {
                    "template_id": str(TEMPLATE),
                    "version": 1,
                    "sections": ["bag"],
                    "language": "en",
                    "custody": "retained",
                },
                {},
            ),
            ("PATCH", "/v1/plans/{plan_id}"): ("ana", {"language": "es", "facts": {"neighbor": "Mrs. Okafor"}}, {}),
            ("POST", "/v1/plans/{plan_id}/sections"): ("ana", {"title": "The allotment"}, {}),
            ("PATCH", "/v1/plan-sections/{section_id}"): (
                "ana",
                {"choice": "later", "position": 3, "title": "Mine"},
                {},
            ),
            ("POST", "/v1/plans/{plan_id}/items"): (
                "ana",
                {
                    "section_id": section["id"],
                    "text": "Ask Mina.",
                    "kind": "action",
                    "detail": "x",
                    "priority": 2,
                    "whose_words": "advocate",
                },
                {},
            ),
            ("PATCH", "/v1/checklist-items/{item_id}"): (
                "ana",
                {"text": "Mine", "status": "planned", "priority": 1},
                {},
            ),
            ("PATCH", "/v1/plans/{plan_id}/items"): (
                "ana",
                {"items": [{"id": section["items"][1]["id"], "version": 1, "priority": 2}]},
                {},
            ),
            ("PUT", "/v1/checklist-items/{item_id}/outcome"): ("ana", {"outcome": "helped"}, {}),
            ("POST", "/v1/plans/{plan_id}/reviews"): (
                "ana",
                {
                    "due_at": "2031-05-06T14:00:00Z",
                    "time_zone": "UTC",
                    "kind": "event",
                    "trigger": "move",
                    "recurrence": "P2W",
                },
                {},
            ),
            ("PATCH", "/v1/reviews/{review_id}"): (
                "ana",
                {"due_at": "2031-05-07T14:00:00Z", "time_zone": "UTC", "recurrence": "P3W"},
                {},
            ),
            ("PUT", "/v1/reviews/{review_id}/completion"): (
                "ana",
                {"what_changed": "New lock.", "next_due_at": "2032-01-01T10:00:00Z"},
                {"review_id": due[1]},
            ),
            ("PUT", "/v1/reviews/{review_id}/cancellation"): ("ana", {"reason": "Away."}, {"review_id": due[2]}),
            ("POST", "/v1/clients/{client_id}/events"): ("ana", {"kind": "move"}, {}),
        }

    def path(self, operation: tuple[str, str], **other: str) -> str:
        return operation[1].format(**(self.ids | self.table[operation][2] | other))

    def send(self, operation: tuple[str, str], content: bytes, kind: str = "application/json", **other: str) -> Any:
        who = self.table[operation][0]
        headers = {"content-type": kind, "if-match": "*"}
        return self.api(who, operation[0], self.path(operation, **other), content=content, headers=headers)


@pytest.fixture
def recipes(api: Api) -> Recipes:
    """A world in which every operation with a body has something to act on."""
    for who in ("ana", "ben", "sol", "ada"):
        api.token(who)
    return Recipes(api)


def with_body(api: Api) -> set[tuple[str, str]]:
    paths = api.client.app.openapi()["paths"]
    return {
        (m.upper(), p)
        for p, item in paths.items()
        for m, one in item.items()
        if m != "parameters" and "requestBody" in one
    }


def refused(answer: Any, about: object) -> None:
    """A dressed 4xx problem that repeats nothing."""
    assert 400 <= answer.status_code < 500, (answer.status_code, about, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json", about
    dressed(answer)
    assert CANARY not in answer.text, (about, answer.text[:500])
    assert CANARY not in str(answer.headers), about


def code_of(name: str) -> str:
    """Which problem a broken body is; a refusal for another reason would prove nothing."""
    if name in BROKEN and name not in JSON_THOUGH:
        return "body-too-large" if name == "too large" else "malformed-json"
    return "unsupported-media-type" if name.startswith("type ") else "invalid"


def acts(api: Api) -> int:
    """How many entries tell of anything but a refusal."""
    return sum(e["outcome"] == "ok" for name in ("Harbor", "Lighthouse") for e in api.world.entries(name))


def spots(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every member of a body, at any depth."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in pairs:
        yield (*place, name)
        yield from spots(member, (*place, name))


def replaced(body: Any, place: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(body)
    holder = changed
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    return changed


class Judge:
    """Tells by the document itself which odd values are wrong for a body."""

    def __init__(self, api: Api) -> None:
        self.document = api.client.app.openapi()
        self.validator, self.formats = Draft202012Validator, FormatChecker()

    def wrong(self, operation: tuple[str, str], body: Any) -> bool:
        """True when the document's schema refuses the body."""
        content = self.document["paths"][operation[1]][operation[0].lower()]["requestBody"]["content"]
        schema = next(iter(content.values()))["schema"] | {"components": self.document["components"]}
        return not self.validator(schema, format_checker=self.formats).is_valid(body)


class TestBodies:
    def test_every_operation_has_its_recipe(self, api: Api, recipes: Recipes):
        """A new operation with a body needs a row in the table above."""
        assert with_body(api) == set(recipes.table)

    def test_the_recipes_are_good(self, api: Api, recipes: Recipes):
        """What is spoilt below is accepted as it stands: each refusal has its own fault."""
        for operation, (_, body, _) in recipes.table.items():
            if operation[1] != "/v1/setup":
                answer = recipes.send(operation, json.dumps(body).encode())
                assert answer.status_code < 300, (operation, answer.text[:300])

    def test_two_thousand_of_them(self, api: Api, recipes: Recipes):
        """Odd members, odd bodies and odd types, chosen by a seed: each refused without an echo, nothing written."""
        rng, judge = random.Random(SEED), Judge(api)
        recipes.table["POST", "/v1/setup"] = (None, {"token": "t" * 43, "agency_name": "M", "password": PASSWORD}, {})
        wanted: list[tuple[Any, bytes, str, str]] = []
        for operation, (_, body, _) in recipes.table.items():
            raw = json.dumps(body).encode()
            wanted += [(operation, spoil(raw), "application/json", name) for name, spoil in BROKEN.items()]
            wanted += [(operation, raw, kind, f"type {kind}") for kind in KINDS]
            odd = [body | {f"{CANARY} extra": CANARY}]
            odd += [replaced(body, place, value) for place in spots(body) for value in ODD]
            bad = [json.dumps(one) for one in odd if judge.wrong(operation, one)]
            wanted += [(operation, text.encode(), "application/json", text[:300]) for text in bad]
        fixed = [one for one in wanted if one[3] in BROKEN or one[3].startswith("type")]
        rest = [one for one in wanted if one not in fixed]
        before = acts(api)
        asked = fixed + rng.sample(rest, min(len(rest), ASKED - len(fixed)))
        assert len(asked) >= ASKED
        for operation, content, kind, name in asked:
            answer = recipes.send(operation, content, kind)
            refused(answer, (operation, name))
            assert answer.json()["code"] == code_of(name), (operation, name)
        assert acts(api) == before

    def test_names_of_facts_are_not_repeated(self, api: Api, recipes: Recipes):
        """Members whose names people choose: a name may be a person's."""
        for name in (f"{CANARY} Okafor", CANARY.title(), f"{CANARY}-x", "x" * 61 + CANARY, f"/{CANARY}", f"~{CANARY}"):
            body = {"facts": {name: "x"}}
            refused(recipes.send(("PATCH", "/v1/plans/{plan_id}"), json.dumps(body).encode()), name)
        for tag in (CANARY, CANARY.upper(), f"en-{CANARY}"):
            body = {"document": DOCUMENT | {"translations": {tag: {"title": "x"}}}}
            refused(recipes.send(("POST", "/v1/templates"), json.dumps(body).encode()), tag)

    def test_faults_of_templates_are_not_repeated(self, api: Api, recipes: Recipes):
        """Keys and placeholders that are wrong are pointed at, not quoted."""
        twice = copy.deepcopy(DOCUMENT)
        for section in twice["sections"]:
            section["key"] = CANARY
        brace = replaced(DOCUMENT, ("sections", 0, "items", 0, "text"), f"Call {{{CANARY}}}.")
        for document in (twice, brace):
            refused(recipes.send(("POST", "/v1/templates"), json.dumps({"document": document}).encode()), "content")


class TestAddresses:
    @staticmethod
    def odd(real: str) -> Iterator[str]:
        """Spellings that are no address of anything."""
        yield from ("x", CANARY, "0", "-1", "%00", f"..%2f{CANARY}", "%2e%2e", "%ff", "%ed%a0%80", "a" * 2000, "null")
        yield from (real.upper() if real.upper() != real else f"{real}.0", f"{{{real}}}", f"{real}%20", f"%20{real}")
        yield from (real.replace("-", "") if "-" in real else f"0{real}", f"urn:uuid:{real}", f"{real}%0a", f"{real};")

    def test_of_every_operation(self, api: Api, recipes: Recipes):
        """Every id in every address, spelt in twenty wrong ways: refused without an echo, nothing written."""
        before, asked = acts(api), 0
        paths = api.client.app.openapi()["paths"]
        extra = {"session_id": str(UUID(int=7)), "assignment_id": str(UUID(int=8))}
        for path, item in paths.items():
            for method in set(item) - {"parameters"}:
                operation = (method.upper(), path)
                _, body, own = recipes.table.get(operation, ("ana", None, {}))
                real = recipes.ids | extra | own
                for name in (n for n in real if f"{{{n}}}" in path):
                    for odd in self.odd(real[name]):
                        where = path.format(**(real | {name: odd}))
                        more = (
                            {"content": json.dumps(body).encode(), "headers": {"content-type": "application/json"}}
                            if body is not None
                            else {}
                        )
                        for who in ("ana", "ada") if asked % 5 == 0 else ("ana",):
                            answer = api(who, operation[0], where, if_match=1, **more)
                            refused(answer, (operation, odd))
                            asked += 1
        assert asked > 500
        assert acts(api) == before

    def test_of_every_list(self, api: Api, recipes: Recipes):
        """Every parameter of every list with odd values: refused without an echo."""
        odd = (
            CANARY,
            "%00",
            "%ff",
            "%ed%a0%80",
            "x" * 5000,
            "1" * 400,
            "NaN",
            "1e999",
            "[]",
            "{}",
            "%0d%0aX-Evil:1",
            "",
            "%20",
        )
        api.token("aud")
        before = acts(api)
        for path, item in api.client.app.openapi()["paths"].items():
            names = [p["name"] for p in item.get("get", {}).get("parameters", []) if p["in"] == "query"]
            who = "aud" if "audit" in path else "ada" if "users" in path else "ana"
            for name in [*names, CANARY, f"{CANARY}[]", "limit[]", "%00"]:
                for value in odd:
                    where = path.format(**recipes.ids, session_id=UUID(int=7), assignment_id=UUID(int=8))
                    if item.get("get"):
                        refused(api.get(who, f"{where}?{name}={value}"), (path, name, value[:40]))
        assert acts(api) == before

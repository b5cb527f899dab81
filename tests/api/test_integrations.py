"""Programs of other organisations: what they see, what stops them, and what is told of them afterwards."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from api.tokens import AUDIENCE
from models.access import EVERYBODY, RELEASED, SCOPES, STEP_UP, Permission, Role, Scope
from models.base import table_of
from models.client import Client
from models.integration import IntegrationSecret
from models.release import Release
from models.user import User
from tests.api.contract import (
    NOWHERE,
    active,
    client,
    cursor_of,
    done,
    good,
    made,
    problem,
    refused_cursor,
    same_refusal,
    tickable,
    unknown,
    walk,
)
from tests.conftest import Api, service
from tests.factories import behind, operations, soon, stage
from tests.guarantees.test_matrix import wall
from tests.partners import ANYWHERE, PURPOSE, RECIPIENT, Partner, enter
from tests.postgres import Urls
from tests.world import World

PATH = "/v1/released-clients"
EVERYTHING = list(Scope)
KNOWN = {"alias": "Wren", "legal_name": "Wren Alder", "contact": {"phone": "+1 202 555 0142", "warning": "Never ring"}}


def release(api: Api, client_id: str, who: str = "ana", fields: Any = EVERYTHING, **more: Any) -> Any:
    """A release to the partner."""
    told = {"recipient": RECIPIENT, "purpose": PURPOSE, "what": ["what is in `fields`"], "signed_on": soon(-2)[:10]}
    return made(api.post(who, f"/v1/clients/{client_id}/releases", told | {"fields": fields} | more), "/v1/releases")


def ask(api: Api, partner: Partner, path: str = "", method: str = "GET", scopes: Any = Scope, **more: Any) -> Any:
    """One request of a partner's."""
    token = partner.token(api.client.app.state.tokens, scopes)
    return api(None, method, PATH + path, headers={"authorization": f"Bearer {token}"}, **more)


def name(api: Api, partner: Partner, row_id: str, agency: str = "Harbor") -> str:
    """What a partner calls a row."""
    return str(api.world.system(lambda db: db.keys.pairwise(partner.id).name(UUID(row_id)), agency))


class Case:
    """A client with a plan in use and a release to a partner of everything."""

    def __init__(self, api: Api, **known: Any) -> None:
        self.api, self.partner = api, enter(api.world)
        self.id = client(api, **KNOWN | known)["id"]
        self.plan = active(api, self.id, sections=["home", "neighborhood"])
        self.release = release(api, self.id)
        self.name = name(api, self.partner, self.id)

    def ask(self, path: str = "", **more: Any) -> Any:
        """About her, as the partner."""
        return ask(self.api, self.partner, f"/{self.name}{path}", **more)


@pytest.fixture
def case(api: Api) -> Case:
    """One of them."""
    return Case(api)


class TestWhatIsSeen:
    def test_a_release_opens_her_to_its_recipient(self, case: Case):
        """Whom, what and until when."""
        (row,) = good(ask(case.api, case.partner))["data"]
        assert set(row) == {"id", "status", "opened_on"}
        seen = good(case.ask())
        assert (seen["id"], seen["fields"]) == (row["id"], sorted(EVERYTHING))
        assert seen["until"] == case.release["expires_at"]
        assert seen["identity"]["legal_name"] == "Wren Alder"
        assert seen["contact_details"]["warning"] == "Never ring"
        plan = good(case.ask("/plan"))
        assert plan["client_id"] == row["id"]
        assert [s["title"] for s in plan["sections"]] == [s["title"] for s in case.plan["sections"]]

    def test_without_a_release_nobody_is_there(self, api: Api):
        """Clients exist for an integration by release alone."""
        one, partner = client(api)["id"], enter(api.world)
        assert good(ask(api, partner))["data"] == []
        same_refusal(*(ask(api, partner, f"/{i}") for i in (name(api, partner, one), one, NOWHERE, str(uuid4()))))
        same_refusal(*(ask(api, partner, f"/{i}/plan") for i in (name(api, partner, one), one, NOWHERE)))

    @pytest.mark.parametrize("field", [Scope.CLIENTS_IDENTITY, Scope.CLIENTS_CONTACT, Scope.PLANS_READ])
    @pytest.mark.parametrize("narrow", ["release", "token", "grant"])
    def test_a_field_is_seen_when_it_is_in_scope_and_released(self, api: Api, field: Scope, narrow: str):
        """In both, or not at all; what is not shown is not opened either."""
        rest = [one for one in Scope if one is not field]
        partner = enter(api.world, scopes=rest if narrow == "grant" else Scope)
        one = client(api, **KNOWN)["id"]
        active(api, one, sections=["home"])
        release(api, one, fields=rest if narrow == "release" else EVERYTHING)
        scopes = rest if narrow == "token" else Scope
        her = "/" + name(api, partner, one)
        seen = good(ask(api, partner, her, scopes=scopes))
        entry = api.world.entries()[-1]
        opened = {f for o in entry.get("opened", []) for f in o["fields"]}
        assert seen["fields"] == sorted(rest)
        assert (seen["identity"] is None) == (field is Scope.CLIENTS_IDENTITY) == ("legal_name" not in opened)
        assert (seen["contact_details"] is None) == (field is Scope.CLIENTS_CONTACT) == ("contact" not in opened)
        plan = ask(api, partner, her + "/plan", scopes=scopes)
        if field is not Scope.PLANS_READ:
            good(plan)
        elif narrow == "release":
            unknown(plan)
        else:
            problem(plan, 403, "forbidden")

    def test_another_purpose_or_recipient_is_another_integration(self, case: Case):
        """A release names both, in words that are compared without case and spacing."""
        api = case.api
        for other in (enter(api.world, purpose="Housing"), enter(api.world, recipient="County Clinic")):
            assert good(ask(api, other))["data"] == []
            unknown(ask(api, other, "/" + name(api, other, case.id)))
        twin = enter(api.world, recipient=f" {RECIPIENT.upper()}  ")
        assert len(good(ask(api, twin))["data"]) == 1

    def test_words_of_the_plan_that_stay_secret_stay(self, api: Api):
        """Declined steps, sections left for later, what the template marks as secret, shared facts: not in it."""
        case = Case(api)
        items = {i["key"]: i for i in tickable(case.plan)}
        secret = next(i for i in items.values() if i["secret"])
        declined = next(i for i in items.values() if not i["secret"] and i["shared_fact"] is None)
        api.patch("ana", f"/v1/checklist-items/{secret['id']}", {"text": "osprey"}, if_match=1)
        api.patch("ana", f"/v1/checklist-items/{declined['id']}", {"text": "heron", "status": "declined"}, if_match=1)
        good(
            api.patch(
                "ana",
                f"/v1/plans/{case.plan['id']}",
                {"facts": {"trusted_neighbor": "plover"}},
                headers={"if-match": "*"},
            )
        )
        text = case.ask("/plan").text
        assert good(case.ask("/plan"))["sections"][0]["items"]
        assert not [word for word in ("osprey", "heron", "plover") if word in text]
        later = case.plan["sections"][0]
        assert later["title"] in text
        good(api.patch("ana", f"/v1/plan-sections/{later['id']}", {"choice": "later"}, headers={"if-match": "*"}))
        assert later["title"] not in case.ask("/plan").text

    def test_without_a_plan_in_use_there_is_none(self, case: Case):
        """404, as for anything out of sight."""
        good(case.api.put("ana", f"/v1/plans/{case.plan['id']}/closure"))
        unknown(case.ask("/plan"))

    def test_pages(self, api: Api):
        """Each client once, however many releases she gave, in the order of the partner's own names: by our ids, two of
        them could lay their lists side by side. A cursor says no id of ours and fits one integration."""
        partner, other = enter(api.world), enter(api.world, scopes=[Scope.CLIENTS_READ])
        ids = {client(api)["id"] for _ in range(5)}
        for one in ids:
            release(api, one)
            release(api, one, fields=["clients:read"])
        headers = {"authorization": f"Bearer {partner.token(api.client.app.state.tokens)}"}
        api._tokens["walker"] = headers["authorization"].split()[1]
        rows = [row["id"] for row in walk(api, "walker", PATH, 2)]
        assert rows == sorted({name(api, partner, one) for one in ids})
        cursor = cursor_of(ask(api, partner, "?limit=2"))
        refused_cursor(ask(api, other, f"?limit=2&cursor={cursor}"))


class TestPairwise:
    def test_two_partners_find_no_id_in_common(self, api: Api):
        """Not in any answer, not with each other and not with the staff's."""
        case = Case(api)
        other = enter(api.world)
        seen: dict[str, set[str]] = {}
        for partner in (case.partner, other):
            her = "/" + name(api, partner, case.id)
            texts = [ask(api, partner).text, ask(api, partner, her).text, ask(api, partner, her + "/plan").text]
            seen[partner.client_id] = set(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", " ".join(texts)))
            unknown(ask(api, other if partner is case.partner else case.partner, her))
        staff = set(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", api.get("ana", f"/v1/plans/{case.plan['id']}").text))
        first, second = seen.values()
        assert len(first) == len(second) > 5
        assert not first & second
        assert not (first | second) & (staff | {case.id})

    def test_a_staff_side_id_is_unknown(self, case: Case):
        """An id that leaked from the other side opens nothing."""
        same_refusal(ask(case.api, case.partner, f"/{case.id}"), ask(case.api, case.partner, f"/{NOWHERE}"))

    def test_names_outlive_a_rotation_of_keys(self, case: Case):
        """A partner keeps them for as long as the integration lives."""
        from models import rekey  # noqa: F401 - the verbs of rotation are there

        before = case.name
        case.api.world.system(lambda db: db.keys.turn_on())
        case.api.world.database.vault.forget()
        assert name(case.api, case.partner, case.id) == before


class TestStops:
    def test_an_oral_withdrawal_acts_on_the_next_request(self, case: Case):
        """R7: and it is the same 404 as for anybody unknown."""
        good(case.ask())
        good(case.api.put("ana", f"/v1/releases/{case.release['id']}/revocation", {"how": "oral"}))
        same_refusal(case.ask(), ask(case.api, case.partner, f"/{NOWHERE}"))
        unknown(case.ask("/plan"))
        assert good(ask(case.api, case.partner))["data"] == []

    def test_a_release_ends_by_the_clock(self, case: Case, urls: Urls):
        """The row says nothing of being over."""
        releases = table_of(Release)
        with behind(urls.superuser) as db:
            db.execute(releases.update().values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
        unknown(case.ask())
        assert good(ask(case.api, case.partner))["data"] == []

    def test_suspension_stops_tokens_at_once_and_lifting_it_lets_them_go_on(self, case: Case):
        """Whatever was given out before."""
        path = f"/v1/integrations/{case.partner.id}/suspension"
        assert good(case.api.put("ada", path))["suspended_at"]
        problem(case.ask(), 401, "unauthenticated")
        assert case.api.post(None, "/v1/oauth/token", data=case.partner.form()).status_code in (401, 415)
        assert good(case.api.delete("ada", path))["suspended_at"] is None
        good(case.ask())

    def test_ending_a_secret_stops_its_tokens(self, case: Case):
        """A secret that leaked takes with it what was got for it."""
        done(case.api.delete("ada", f"/v1/integrations/{case.partner.id}/secrets/{case.partner.secret_id}"))
        problem(case.ask(), 401, "unauthenticated")

    @pytest.mark.parametrize("what", ["secret", "integration"])
    def test_its_end_comes_by_the_clock(self, case: Case, urls: Urls, what: str):
        """Also for tokens given out before."""
        past = datetime.now(UTC) - timedelta(seconds=1)
        from models.integration import Integration

        table = table_of(IntegrationSecret if what == "secret" else Integration)
        with behind(urls.superuser) as db:
            db.execute(
                table.update()
                .where(table.c.id == (case.partner.secret_id if what == "secret" else case.partner.id))
                .values(expires_at=past)
            )
        problem(case.ask(), 401, "unauthenticated")

    def test_fewer_scopes_act_on_tokens_given_out_before(self, case: Case):
        """A token never says more than is granted now."""
        path = f"/v1/integrations/{case.partner.id}"
        good(case.api.patch("ada", path, {"scopes": ["clients:read"]}, if_match=1))
        assert good(case.ask())["fields"] == ["clients:read"]
        problem(case.ask("/plan"), 403, "forbidden")

    def test_the_log_says_who_asked_from_elsewhere(self, api: Api):
        """A token used from a network that is not on the list: 403, and an entry with the address."""
        partner = enter(api.world, networks=["203.0.113.0/24", "2001:db8:1::/48"])
        at_home = [api.at(ip) for ip in ("203.0.113.9", "2001:db8:1::7", "::ffff:203.0.113.9")]
        for here in at_home:
            good(ask(here, partner))
        for ip in ("203.0.114.9", "2001:db8:2::7", "198.51.100.1", "testclient"):
            problem(ask(api.at(ip), partner), 403, "forbidden")
            entry = api.world.entries()[-1]
            assert (entry["action"], entry["who"]["id"]) == ("access.denied", str(partner.id))
            assert entry["where"]["ip"] == ip


class TestTheOtherSide:
    @pytest.mark.parametrize("scopes", [EVERYTHING, [Scope.CLIENTS_READ]], ids=["every-scope", "one-scope"])
    def test_a_program_may_do_nothing_else(self, api: Api, scopes: list[Scope]):
        """Over every operation: 403 `forbidden` for its token, wherever the door is not its own. It has no second factor
        and no password, so neither is asked for; the entry names it."""
        scene, partner = stage(api), enter(api.world, scopes=scopes)
        headers = {"authorization": f"Bearer {partner.token(api.client.app.state.tokens, scopes)}"}
        may = frozenset[Permission]().union(*(SCOPES[scope] for scope in scopes))
        walked = [o for o in operations(api.client.app) if o.permission not in may and o.permission is not None]
        assert {o.permission for o in walked} >= STEP_UP | EVERYBODY
        for operation in walked:
            answer = scene.send(operation, None, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), operation.name
            assert api.world.entries()[-1]["who"]["id"] == str(partner.id), operation.name

    def test_people_have_no_business_where_programs_ask(self, case: Case):
        """Not even an admin, a supervisor or her own advocate."""
        for who in ("ana", "sol", "ada", "aud", "other"):
            for path in ("", f"/{case.name}", f"/{case.id}", f"/{case.id}/plan"):
                problem(case.api.get(who, PATH + path), 403, "forbidden")
        problem(case.api.get(None, PATH), 401, "unauthenticated")

    def test_a_token_of_people_is_none_of_programs(self, case: Case):
        """Another audience, and one that cannot be put on: what one says stands under the signature."""
        tokens = case.api.client.app.state.tokens
        forged = tokens._issue(AUDIENCE, case.partner.agency_id, case.partner.id, case.partner.secret_id)
        extra = tokens._issue(
            AUDIENCE, case.partner.agency_id, case.partner.id, case.partner.secret_id, scope="clients:read"
        )
        odd = tokens._issue("waypost:integrations", case.partner.agency_id, case.partner.id, case.partner.secret_id)
        unheard = tokens._issue(
            "waypost:integrations", case.partner.agency_id, case.partner.id, case.partner.secret_id, scope="all"
        )
        for token in (forged, extra, odd, unheard):
            assert case.api(None, "GET", PATH, headers={"authorization": f"Bearer {token}"}).status_code == 401
        person = case.api.world.people["ana"].actor
        session = tokens.verify(case.api.token("ana")).session_id
        posing = tokens.issue_to_integration(person.agency_id, person.id, session, frozenset(Scope))
        assert case.api(None, "GET", PATH, headers={"authorization": f"Bearer {posing}"}).status_code == 401

    def test_another_agencys_clients_are_nobodys(self, api: Api):
        """The same words of a release there open nothing here."""
        here, there = enter(api.world), enter(api.world, "Lighthouse")
        one = client(api, "other")["id"]
        release(api, one, "other")
        assert good(ask(api, here))["data"] == []
        assert len(good(ask(api, there))["data"]) == 1
        unknown(ask(api, here, "/" + name(api, there, one, "Lighthouse")))


class TestAnAdminStopsIt:
    def test_gone_with_the_next_request(self, case: Case):
        """Who sees no client takes a release back by its id: the program's next request finds nobody, and what the
        admin is told, and could repeat, is nothing of her."""
        good(case.ask())
        path = f"/v1/releases/{case.release['id']}"
        for _ in range(2):
            answer = case.api.put("ada", f"{path}/revocation", {"how": "oral"})
            assert good(answer)["revoked_by_id"] == str(case.api.world.people["ada"].actor.id)
            assert not [word for word in (case.id, case.name, RECIPIENT, PURPOSE, "Wren") if word in answer.text]
        unknown(case.ask())
        unknown(case.ask("/plan"))
        assert good(ask(case.api, case.partner))["data"] == []
        assert good(case.api.get("ana", path))["status"] == "revoked"
        problem(case.api.get("ada", path), 403, "forbidden")
        revoked = [e for e in case.api.world.entries() if e["action"] == "release.revoked"]
        assert [(e["client"], e["who"]["role"]) for e in revoked] == [(case.id, "agency_admin")]
        assert "opened" not in revoked[0]

    def test_the_answer_names_what_still_lets_the_program_read(self, case: Case):
        """Two releases to one program: taking one back stops nothing yet, and says which one goes on."""
        second = release(case.api, case.id)["id"]
        first = case.release["id"]
        for who, one, others in (("ada", first, [second]), ("ana", second, [])):
            good(case.ask())
            told = good(case.api.put(who, f"/v1/releases/{one}/revocation", {"how": "oral"}))
            assert told["still_open"] == others
        unknown(case.ask())

    def test_of_any_client_but_behind_a_wall(self, api: Api):
        """A colleague's, a restricted one's; not one she is kept from, another agency's or nobody's: the same 404."""
        ids = {who: client(api, who)["id"] for who in ("ana", "ben", "other")}
        walled = client(api)["id"]
        enter(api.world)
        enter(api.world, "Lighthouse")
        kept = {who: release(api, one, who)["id"] for who, one in ids.items()}
        behind_it = release(api, walled)["id"]
        api.world.system(lambda db: db.claim(Client, UUID(ids["ben"])).restrict(db))
        wall(api, walled, "ada")
        hidden = (behind_it, kept["other"], NOWHERE)
        same_refusal(*(api.put("ada", f"/v1/releases/{i}/revocation", {"how": "oral"}) for i in hidden))
        for who in ("ana", "ben"):
            good(api.put("ada", f"/v1/releases/{kept[who]}/revocation", {"how": "oral"}))
        assert good(api.get("ana", f"/v1/releases/{behind_it}"))["status"] == "active"
        assert good(api.get("other", f"/v1/releases/{kept['other']}"))["status"] == "active"
        for who in ("aud", "val"):
            problem(api.put(who, f"/v1/releases/{behind_it}/revocation", {"how": "oral"}), 403, "forbidden")

    def test_an_admin_who_is_an_advocate_too(self, api: Api):
        """Sees her own clients, and stops what is told of others all the same; an advocate alone does not."""
        one = client(api)["id"]
        enter(api.world)
        kept = release(api, one)["id"]
        ben = api.world.people["ben"].actor.id
        unknown(api.put("ben", f"/v1/releases/{kept}/revocation", {"how": "oral"}))
        roles = [Role.ADVOCATE, Role.AGENCY_ADMIN]
        api.world.system(lambda db: db.claim(User, ben).change(db, roles=roles))
        good(api.put("ben", f"/v1/releases/{kept}/revocation", {"how": "oral"}))
        unknown(api.get("ben", f"/v1/releases/{kept}"))


class TestAfterwards:
    def test_attack_69_a_stolen_secret(self, api: Api):
        """The key of scope A reads nothing of B, not from a second address and not once it was revoked; the report
        lists exactly the clients it opened, and so does her own history."""
        mine = enter(api.world, scopes=[Scope.CLIENTS_READ, Scope.CLIENTS_IDENTITY], networks=["203.0.113.0/24"])
        ids = [client(api, **KNOWN)["id"] for _ in range(4)]
        for one in ids[:3]:
            active(api, one, sections=["home"])
            release(api, one)
        thief = api.at("203.0.113.66")
        for one in ids[:2]:
            good(ask(thief, mine, "/" + name(api, mine, one), scopes=mine_scopes(mine)))
        problem(ask(thief, mine, f"/{name(api, mine, ids[2])}/plan", scopes=mine_scopes(mine)), 403, "forbidden")
        unknown(ask(thief, mine, "/" + name(api, mine, ids[3]), scopes=mine_scopes(mine)))
        problem(ask(api.at("198.51.100.9"), mine, "/" + name(api, mine, ids[2])), 403, "forbidden")
        done(api.delete("ada", f"/v1/integrations/{mine.id}/secrets/{mine.secret_id}"))
        problem(ask(thief, mine, "/" + name(api, mine, ids[2])), 401, "unauthenticated")
        report = good(api.get("aud", f"/v1/audit/opened-clients?actor={mine.id}"))["data"]
        assert {row["client_id"] for row in report} == set(ids[:2])
        same = good(api.get("aud", f"/v1/audit/opened-clients?actor={mine.id}&session={mine.secret_id}"))["data"]
        assert same == report
        for one in ids:
            told = good(api.get("ana", f"/v1/clients/{one}/access-history"))["data"]
            theirs = [row for row in told if row["who"]["kind"] == "integration"]
            assert [row["what"] for row in theirs if row["outcome"] == "ok"] == [
                "read what was released of the record"
            ] * (one in ids[:2])
            assert all(row["who"]["name"] == RECIPIENT for row in theirs)
            assert bool([row for row in theirs if row["outcome"] == "denied"]) == (one in ids[2:])

    def test_the_entry_says_which_program_with_which_scope(self, case: Case):
        """And the secret it came with, where a person's session stands."""
        good(case.ask(scopes=[Scope.CLIENTS_READ]))
        entry = case.api.world.entries()[-1]
        assert (entry["action"], entry["client"]) == ("released_client.read", case.id)
        assert entry["who"] == {
            "kind": "integration",
            "id": str(case.partner.id),
            "role": "clients:read",
            "session": str(case.partner.secret_id),
            "auth": "client_secret",
        }
        good(ask(case.api, case.partner))
        assert case.api.world.entries()[-1]["action"] == "released_client.listed"
        assert case.id in case.api.world.entries()[-1]["object"]["ids"]

    def test_a_canary_rings(self, api: Api):
        """Whoever opens her, programs too."""
        rung: list[Any] = []
        api.world.database.watch.tell = rung.append
        one = good(api.post("ada", "/v1/canaries", {"alias": "Teal"}), 201)["id"]
        partner = enter(api.world)
        release(api, one, "sol")
        rung.clear()
        good(ask(api, partner))
        assert not rung
        good(ask(api, partner, "/" + name(api, partner, one)))
        assert [(a.kind, a.actor_id) for a in rung] == [("canary_opened", partner.id)]

    def test_a_budget_holds_for_programs(self, world: World):
        """So many clients an hour, then 429 and an alarm."""
        with service(world, clients_an_hour=2) as api:
            partner, ids = enter(world), []
            for _ in range(3):
                who = "ben" if ids else "ana"  # recording one opens it, and they have budgets too
                ids.append(client(api, who)["id"])
                release(api, ids[-1], who)
            for one in ids[:2]:
                good(ask(api, partner, "/" + name(api, partner, one)))
            problem(ask(api, partner, "/" + name(api, partner, ids[2])), 429, "too-many-clients")
            entry = world.entries()[-1]
            assert entry["also"][0]["action"] == "alarm.many_clients_opened"
            assert entry["also"][0]["object"]["t"] == "integrations"

    def test_a_quota_of_its_own(self, world: World):
        """A loud program takes nothing from people."""
        with service(world, rate_limit_integration=2) as api:
            partner = enter(world)
            answers = [ask(api, partner) for _ in range(3)]
            assert [a.status_code for a in answers] == [200, 200, 429]
            assert answers[2].headers["ratelimit-policy"] == '"integration";q=2;w=60'
            good(api.get("ana", "/v1/me"))


def mine_scopes(_: Partner) -> list[Scope]:
    """What the thief's token says."""
    return [Scope.CLIENTS_READ, Scope.CLIENTS_IDENTITY]


class TestKeeping:
    BODY = {"recipient": RECIPIENT, "purpose": PURPOSE, "scopes": ["clients:read"], "networks": list(ANYWHERE)}

    def test_entered_read_listed_changed(self, api: Api):
        """By the agency's admin alone, with its words sealed."""
        new = made(api.post("ada", "/v1/integrations", self.BODY), "/v1/integrations")
        path = f"/v1/integrations/{new['id']}"
        assert good(api.get("ada", path)) == new
        assert new["secrets"] == []
        changed = good(api.patch("ada", path, {"networks": ["203.0.113.0/24"]}, if_match=1))
        assert (changed["networks"], changed["version"]) == (["203.0.113.0/24"], 2)
        (row,) = good(api.get("ada", "/v1/integrations"))["data"]
        assert set(row) == {"id", "scopes", "expires_at", "suspended_at", "created_at", "version"}
        for who in ("ana", "sol", "aud"):
            problem(api.get(who, path), 403, "forbidden")
            problem(api.post(who, "/v1/integrations", self.BODY), 403, "forbidden")
        problem(api.patch("ada", path, {"networks": []}, if_match=2), 422, "invalid", "/networks")
        problem(api.patch("ada", path, {"recipient": "Others"}, if_match=2), 422, "invalid", "/recipient")

    @pytest.mark.parametrize(
        "network", ["203.0.113.7/24", "203.0.113", "harbor.example", "300.0.0.1", "", "1.2.3.4 0.0.0.0/0", "::/129"]
    )
    def test_odd_networks(self, api: Api, network: str):
        """Refused, and not repeated."""
        answer = api.post("ada", "/v1/integrations", self.BODY | {"networks": [network]})
        problem(answer, 422, "invalid", "/networks/0")

    def test_two_secrets_and_no_third(self, api: Api):
        """Enough to change over; each shown once and stored as a hash."""
        new = made(api.post("ada", "/v1/integrations", self.BODY), "/v1/integrations")
        path = f"/v1/integrations/{new['id']}/secrets"
        first = good(api.post("ada", path, {"expires_at": soon(300)}, key="first"), 201)
        assert re.fullmatch(r"wpt_[0-9a-f]{32}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", first["client_secret"])
        again = api.post("ada", path, {"expires_at": soon(300)}, key="first")
        second = good(api.post("ada", path, {"expires_at": soon(30)}), 201)
        problem(api.post("ada", path, {"expires_at": soon(30)}), 409, "too-many-secrets")
        done(api.delete("ada", f"{path}/{first['id']}"))
        done(api.delete("ada", f"{path}/{first['id']}"))
        third = good(api.post("ada", path, {"expires_at": soon(30)}), 201)
        kept = good(api.get("ada", f"/v1/integrations/{new['id']}"))["secrets"]
        assert [s["id"] for s in kept] == [third["id"], second["id"], first["id"]]
        assert [s["alive"] for s in kept] == [True, True, False]
        assert "wpt_" not in api.get("ada", f"/v1/integrations/{new['id']}").text
        assert again.status_code in (201, 422)

    def test_a_repeated_request_makes_one_secret_and_does_not_tell_it_again(self, api: Api):
        """The text is in the first answer and nowhere else."""
        new = made(api.post("ada", "/v1/integrations", self.BODY), "/v1/integrations")
        path, body = f"/v1/integrations/{new['id']}/secrets", {"expires_at": "2027-05-01T00:00:00Z"}
        first = good(api.post("ada", path, body, key="one"), 201)
        second = good(api.post("ada", path, body, key="one"), 201)
        assert (second["id"], second["client_secret"]) == (first["id"], None)

    def test_a_secret_lasts_a_year_at_most(self, api: Api):
        """And not until yesterday."""
        new = made(api.post("ada", "/v1/integrations", self.BODY), "/v1/integrations")
        for days in (-1, 370):
            answer = api.post("ada", f"/v1/integrations/{new['id']}/secrets", {"expires_at": soon(days)})
            problem(answer, 422, "invalid", "/expires_at")

    def test_anothers_secret_is_unknown(self, api: Api):
        """By way of another integration, and of another agency."""
        mine, other, theirs = enter(api.world), enter(api.world), enter(api.world, "Lighthouse")
        same_refusal(
            api.delete("ada", f"/v1/integrations/{mine.id}/secrets/{other.secret_id}"),
            api.delete("ada", f"/v1/integrations/{theirs.id}/secrets/{theirs.secret_id}"),
            api.delete("ada", f"/v1/integrations/{mine.id}/secrets/{NOWHERE}"),
        )

    def test_a_release_names_a_recipient_there_is(self, api: Api):
        """Else it would open nothing, and nobody would notice; without fields it needs none."""
        one = client(api)["id"]
        told = {"recipient": "Nobody", "purpose": PURPOSE, "what": ["x"], "signed_on": soon(-2)[:10]}
        path = f"/v1/clients/{one}/releases"
        problem(api.post("ana", path, told | {"fields": ["clients:read"]}), 422, "invalid", "/fields")
        assert made(api.post("ana", path, told), "/v1/releases")["fields"] == []
        enter(api.world)
        assert release(api, one, fields=["clients:identity"])["fields"] == ["clients:identity", "clients:read"]
        (row,) = good(api.get("ana", "/v1/release-recipients"))["data"]
        assert row == {"recipient": RECIPIENT, "purpose": PURPOSE, "fields": sorted(EVERYTHING)}

    def test_two_admins_at_once_make_two_secrets_not_three(self, world: World):
        """The integration's row is held while they are counted."""
        from concurrent.futures import ThreadPoolExecutor

        with service(world) as api:
            new = good(api.post("ada", "/v1/integrations", self.BODY), 201)
            path = f"/v1/integrations/{new['id']}/secrets"
            with ThreadPoolExecutor(6) as pool:
                answers = list(
                    pool.map(lambda _: api.post("ada", path, {"expires_at": soon(30)}).status_code, range(6))
                )
            assert sorted(answers) == [201, 201, 409, 409, 409, 409]


def test_the_scopes_of_a_program_hold_nothing_that_writes():
    """Idempotency-Key is required of programs for POST and PATCH: they have none."""
    assert frozenset({Permission.RELEASED_PLAN, Permission.RELEASED_READ}) == RELEASED

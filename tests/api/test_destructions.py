"""Destruction as people ask for it: one proposes, another carries it out, the certificate stays."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from models.agency import Agency
from models.base import table_of
from models.destruction import Destruction
from models.release import Release
from tests.api.contract import (
    NOWHERE,
    active,
    client,
    done,
    good,
    items,
    last_action,
    made,
    plan,
    problem,
    review,
    same_refusal,
    unknown,
    walk,
)
from tests.conftest import Api
from tests.factories import behind, signed, stage

DESTRUCTION = {
    "id", "client_id", "what", "reason", "urgent", "state", "proposed_at", "proposed_by_id", "lapses_at",
    "withdrawn_at", "withdrawn_by_id", "carried_out_at", "approved_by_id", "counts", "first_on", "last_on", "key_epoch",
    "statement",
}  # fmt: skip
ANY = {"if-match": "*"}
ASKED = {"what": "everything", "reason": "client_asked"}


def ask(api: Api, client_id: str, who: str = "sol", **values):
    return api.post(who, f"/v1/clients/{client_id}/destruction", ASKED | values)


def propose(api: Api, client_id: str, who: str = "sol", **values):
    return made(ask(api, client_id, who, **values), "/v1/destructions")


def approve(api: Api, proposal, who: str = "ada"):
    return api.put(who, f"/v1/destructions/{proposal['id']}/approval")


def hold(api: Api, client_id: str):
    return good(api.post("sol", "/v1/legal-holds", {"client_id": client_id, "reason": "A subpoena came."}), 201)


def give_roles(api: Api, who: str, *roles: str) -> None:
    user = api.world.people[who].actor.id
    version = good(api.get("ada", f"/v1/users/{user}"))["version"]
    good(api.patch("ada", f"/v1/users/{user}", {"roles": [*roles]}, if_match=version))


class TestPropose:
    @pytest.mark.parametrize("who", ["sol", "ada"])
    def test_asks_and_destroys_nothing(self, api: Api, who: str):
        """A supervisor for a client she sees, an admin by id."""
        one = client(api)["id"]
        proposal = propose(api, one, who)
        assert set(proposal) == DESTRUCTION
        assert (proposal["state"], proposal["counts"], proposal["statement"]) == ("proposed", None, None)
        entry = api.world.entries()[-1]
        assert (entry["action"], entry["client"]) == ("destruction.proposed", one)
        good(api.get("ana", f"/v1/clients/{one}"))

    def test_an_advocate_or_an_auditor_does_not(self, api: Api):
        """They tell their supervisor."""
        one = client(api)["id"]
        for who in ("ana", "aud"):
            problem(ask(api, one, who), 403, "forbidden")

    @pytest.mark.parametrize("who", ["sol", "ada"])
    def test_a_client_who_is_not_here_is_nobody(self, api: Api, who: str):
        """Another agency's and none."""
        same_refusal(*(ask(api, i, who) for i in (client(api, "other")["id"], NOWHERE)))

    def test_once_at_a_time(self, api: Api):
        """A second proposal waits for the first to be withdrawn, done or lapsed."""
        one = client(api)["id"]
        first = propose(api, one)
        problem(ask(api, one, "ada"), 409, "destruction-proposed")
        done(api.delete("ada", f"/v1/destructions/{first['id']}"))
        propose(api, one)

    def test_takes_no_free_text(self, api: Api):
        """The certificate stays: why is one of four words."""
        one = client(api)["id"]
        problem(ask(api, one, reason="Wren asked"), 422, "invalid", "/reason")
        problem(ask(api, one, remark="x"), 422, "invalid", "/*")


class TestApprove:
    def test_carries_it_out_and_certifies_it(self, api: Api):
        """The certificate: who, when, how many rows, from when to when, which root key; nobody's name."""
        scene = stage(api)
        one = scene.ids["client_id"]
        proposal = propose(api, one, urgent=True)
        certificate = good(approve(api, proposal))
        assert set(certificate) == DESTRUCTION
        assert (certificate["state"], certificate["urgent"], certificate["key_epoch"]) == ("carried_out", True, 1)
        assert certificate["approved_by_id"] == str(api.world.people["ada"].actor.id)
        assert certificate["proposed_by_id"] == str(api.world.people["sol"].actor.id)
        counts = certificate["counts"]
        assert counts["clients"] == counts["plans"] == counts["reviews"] == counts["data_keys"] == 1
        assert counts["checklist_items"] > 5
        assert counts["external_ids"] == counts["legal_holds"] == counts["releases"] == counts["assignments"] == 1
        assert "root key epoch 1" in certificate["statement"]
        assert certificate["first_on"] <= certificate["last_on"]
        for who in ("sol", "ada", "aud"):
            assert good(api.get(who, f"/v1/destructions/{proposal['id']}")) == certificate
        unknown(api.get("sol", f"/v1/clients/{one}"))

    def test_leaves_one_entry_that_says_what(self, api: Api):
        """Counts by table, and of every sealed row that it is gone."""
        scene = stage(api)
        certificate = good(approve(api, propose(api, scene.ids["client_id"])))
        entry = api.world.entries()[-1]
        assert (entry["action"], entry["client"], entry["outcome"]) == (
            "client.destroyed",
            scene.ids["client_id"],
            "ok",
        )
        assert entry["object"]["counts"] == certificate["counts"]
        assert [also["action"] for also in entry["also"]] == ["destruction.approved"]
        gone = {(row["t"], row["id"]) for row in entry["rows"]}
        assert {row["digest"] for row in entry["rows"]} == {None}
        assert {t for t, _ in gone} >= {"clients", "checklist_items", "external_ids", "legal_holds", "releases"}
        assert ("clients", scene.ids["client_id"]) in gone
        assert "opened" not in entry

    def test_says_it_in_the_agencys_language(self, api: Api):
        """The certificate is read by people."""
        api.world.system(_speak_spanish)
        certificate = good(approve(api, propose(api, client(api)["id"])))
        assert certificate["statement"].startswith("Las copias de seguridad")

    def test_twice_changes_nothing(self, api: Api):
        """The second answer is the same certificate."""
        proposal = propose(api, client(api)["id"])
        certificate = good(approve(api, proposal))
        assert good(approve(api, proposal)) == certificate
        assert [e["action"] for e in api.world.entries()].count("client.destroyed") == 1

    def test_is_an_agency_admins(self, api: Api):
        """Nobody else's."""
        proposal = propose(api, client(api)["id"])
        for who in ("ana", "aud", "sol"):
            problem(approve(api, proposal, who), 403, "forbidden")

    def test_nobody_approves_her_own(self, api: Api):
        """Not an admin who proposed, nor a supervisor who became one too; another admin does."""
        by_ada = propose(api, client(api)["id"], "ada")
        problem(approve(api, by_ada), 409, "own-proposal")
        by_sol = propose(api, client(api)["id"])
        give_roles(api, "sol", "agency_admin", "supervisor")
        problem(approve(api, by_sol, "sol"), 409, "own-proposal")
        good(approve(api, by_ada, "sol"))
        good(approve(api, by_sol))

    def test_whoever_proposed_still_stands_by_it(self, api: Api):
        """Nothing is destroyed on the word of somebody suspended, or who may not propose any more; another one may."""
        one, sol = client(api)["id"], api.world.people["sol"].actor.id
        proposal = propose(api, one)
        give_roles(api, "sol", "advocate")
        problem(approve(api, proposal), 409, "destruction-not-open")
        give_roles(api, "sol", "supervisor")
        good(api.put("ada", f"/v1/users/{sol}/suspension"))
        problem(approve(api, proposal), 409, "destruction-not-open")
        give_roles(api, "ben", "agency_admin")
        done(api.delete("ada", f"/v1/destructions/{proposal['id']}"))
        good(approve(api, propose(api, one, "ben")))

    def test_of_another_agency_is_not_there(self, api: Api):
        """Its proposals are nobody's here."""
        theirs = stage(api, "other").ids["destruction_id"]
        same_refusal(*(approve(api, {"id": one}) for one in (theirs, NOWHERE)))


class TestWhatStandsAgainstIt:
    def test_a_legal_hold_when_it_is_proposed_and_when_it_is_approved(self, api: Api):
        """Never destroy what is requested (R12); lifted, it stands no more."""
        one = client(api)["id"]
        proposal = propose(api, one)
        held = hold(api, one)
        problem(approve(api, proposal), 409, "legal-hold-stands")
        problem(ask(api, one, what="narratives"), 409, "legal-hold-stands")
        good(api.get("ana", f"/v1/clients/{one}"))
        good(api.put("ada", f"/v1/legal-holds/{held['id']}/lifting"))
        good(approve(api, proposal))

    def test_a_release_that_lives(self, api: Api, urls):
        """Active it stands, when proposed and when approved; revoked or expired it does not."""
        scene = stage(api)
        one, path = scene.ids["client_id"], f"/v1/clients/{scene.ids['client_id']}/releases"
        proposal = propose(api, one)
        first = good(api.post("ana", path, signed(scene)), 201)
        problem(approve(api, proposal), 409, "release-lives")
        problem(ask(api, one), 409, "release-lives")
        good(api.put("ana", f"/v1/releases/{first['id']}/revocation", {"how": "oral"}))
        good(api.post("ana", path, signed(scene)), 201)
        problem(approve(api, proposal), 409, "release-lives")
        with behind(urls.superuser) as db:
            db.execute(sa.update(table_of(Release)).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
        good(approve(api, proposal))

    def test_nothing_is_changed_by_the_refusal(self, api: Api):
        """The proposal stays open, the log shows no destruction."""
        one = client(api)["id"]
        proposal = propose(api, one)
        hold(api, one)
        approve(api, proposal)
        assert good(api.get("ada", f"/v1/destructions/{proposal['id']}")) == proposal
        assert "client.destroyed" not in {e["action"] for e in api.world.entries()}

    def test_time(self, api: Api, urls):
        """After fourteen days a proposal has lapsed: nobody approves what is no longer meant."""
        one = client(api)["id"]
        proposal = propose(api, one)
        table = table_of(Destruction)
        with behind(urls.superuser) as db:
            db.execute(sa.update(table).values(proposed_at=datetime.now(UTC) - timedelta(days=14, seconds=1)))
        problem(approve(api, proposal), 409, "destruction-not-open")
        assert good(api.get("sol", f"/v1/destructions/{proposal['id']}"))["state"] == "lapsed"
        good(approve(api, propose(api, one)))
        problem(approve(api, proposal), 409, "destruction-not-open")


class TestWithdraw:
    def test_by_whoever_may_propose(self, api: Api):
        """By the proposer, or as a no of the other; then it cannot be approved. Twice changes nothing."""
        for who in ("sol", "ada"):
            proposal = propose(api, client(api)["id"])
            done(api.delete(who, f"/v1/destructions/{proposal['id']}"))
            assert last_action(api) == "destruction.withdrawn"
            done(api.delete(who, f"/v1/destructions/{proposal['id']}"))
            assert good(api.get("ada", f"/v1/destructions/{proposal['id']}"))["state"] == "withdrawn"
            problem(approve(api, proposal), 409, "destruction-not-open")

    def test_not_when_it_is_done(self, api: Api):
        """A certificate stays."""
        proposal = propose(api, client(api)["id"])
        good(approve(api, proposal))
        problem(api.delete("sol", f"/v1/destructions/{proposal['id']}"), 409, "destruction-not-open")


class TestList:
    def test_newest_first_by_state(self, api: Api):
        """Proposals to decide on, certificates to keep."""
        made_ = [propose(api, client(api)["id"]) for _ in range(5)]
        good(approve(api, made_[0]))
        done(api.delete("sol", f"/v1/destructions/{made_[1]['id']}"))
        ids = [one["id"] for one in made_]
        for who in ("sol", "ada", "aud"):
            assert [row["id"] for row in walk(api, who, "/v1/destructions", 2)] == ids[::-1]
        by_state = {"carried_out": ids[:1], "withdrawn": ids[1:2], "proposed": ids[:1:-1], "lapsed": []}
        for state, expected in by_state.items():
            assert [row["id"] for row in walk(api, "ada", "/v1/destructions", 2, state=state)] == expected
        problem(api.get("ana", "/v1/destructions"), 403, "forbidden")


class TestNarratives:
    def test_what_was_written_is_gone_and_the_rest_stays(self, api: Api, urls):
        """Ticks, dates, names and contact stay; the words do not, and the key they were sealed under is destroyed."""
        one = client(api, legal_name="Wren Alder", contact={"warning": "Never after six"})["id"]
        whole = active(api, one, sections=["home", "bag"])
        item = items(whole)[0]["id"]
        good(api.patch("ana", f"/v1/plans/{whole['id']}", {"facts": {"trusted_neighbor": "Mr Alder"}}, headers=ANY))
        words = {"text": "By the garden", "detail": "with Dana"}
        good(api.patch("ana", f"/v1/checklist-items/{item}", words, if_match=1))
        body = {"section_id": whole["sections"][0]["id"], "text": "A second way out"}
        own = good(api.post("ana", f"/v1/plans/{whole['id']}/items", body), 201)["id"]
        held = review(api, whole["id"])["id"]
        good(api.put("ana", f"/v1/reviews/{held}/completion", {"what_changed": "a new lock"}))
        before = _keys(urls, one)
        certificate = good(approve(api, propose(api, one, what="narratives")))
        assert certificate["counts"] == {"checklist_items": 2, "clients": 1, "plans": 1, "reviews": 1}
        assert api.world.entries()[-1]["action"] == "client.purged"
        after = good(api.get("ana", f"/v1/clients/{one}"))
        assert (after["legal_name"], after["contact"]["warning"]) == ("Wren Alder", "Never after six")
        now = good(api.get("ana", f"/v1/plans/{whole['id']}"))
        shown = {row["id"]: row for row in items(now)}
        template = items(whole)[0]
        assert (shown[item]["text"], shown[item]["detail"]) == (template["text"], None)
        assert (shown[item]["whose_words"], shown[own]["text"], now["facts"]) == ("template", "", {})
        assert now["progress"]["total"] == len([i for i in items(now) if i["kind"] != "information"])
        assert good(api.get("ana", f"/v1/reviews/{held}"))["what_changed"] is None
        assert not _keys(urls, one) & before
        plan(api, one)  # she goes on

    def test_a_record_in_which_nothing_was_written(self, api: Api):
        """Works too, and its words can be added anew."""
        one = client(api)["id"]
        good(approve(api, propose(api, one, what="narratives")))
        good(api.patch("ana", f"/v1/clients/{one}", {"pronouns": "she"}, headers=ANY))
        good(approve(api, propose(api, one)))
        unknown(api.get("ana", f"/v1/clients/{one}"))


def _keys(urls, client_id: str) -> set[bytes]:
    keys = sa.Table("data_keys", sa.MetaData(), sa.Column("subject_id"), sa.Column("kid", sa.LargeBinary))
    with behind(urls.superuser) as db:
        embedded = db.dialect.name == "sqlite"
        whose = UUID(client_id).bytes if embedded else UUID(client_id)
        return {bytes(k) for k in db.execute(sa.select(keys.c.kid).where(keys.c.subject_id == whose)).scalars()}


def _speak_spanish(db) -> None:
    db.claim(Agency, db.agency_id).update(db, language="es")

"""Invitations: asked in, come in, once; and everything that must not work."""

import base64
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from models import invitation
from models.access import Actor, Kind, Role
from models.errors import Forbidden, Unauthenticated
from models.invitation import Invitation
from models.ledger import book
from models.workspace import Workspace
from tests.api.contract import NOWHERE, done, good, last_action, made, problem, same_refusal, walk
from tests.api.test_races import at_once
from tests.conftest import Api
from tests.factories import behind
from tests.links import age, counted, invited, token_of
from tests.postgres import Urls
from tests.world import PASSWORD

ADDRESS = "noor@harbor.example"
OWN = "nine herons over still water"
SUMMARY = {"id", "roles", "status", "invited_by_id", "created_at", "expires_at", "user_id", "version"}


def accept(api: Api, link: str, password: str = OWN, name: str = "Noor") -> Any:
    body = {"token": token_of(link), "display_name": name, "password": password}
    return api.post(None, "/v1/invitations/acceptance", body)


def sign_in(api: Api, address: str = ADDRESS, password: str = OWN) -> Any:
    return api.post(None, "/v1/sessions", {"email": address, "password": password})


def path(one: Any) -> str:
    return f"/v1/invitations/{one['id']}"


class TestComingIn:
    def test_from_the_link_to_the_first_sign_in(self, api: Api) -> None:
        """Asked in under two roles and a language; she chooses name and password, signs in, and is told to whoever
        asked her in."""
        answer = api.post(
            "ada", "/v1/invitations", {"email": ADDRESS, "roles": ["supervisor", "advocate"], "language": "es"}
        )
        one = made(answer, "/v1/invitations")
        assert one["link"].startswith("http://127.0.0.1:8000/welcome#wpi_")
        assert len(token_of(one["link"])) == 90  # agency, row and a secret of 256 bits
        user_id = good(accept(api, one["link"]), 201)["user_id"]
        assert sign_in(api).status_code == 201
        user = good(api.get("ada", f"/v1/users/{user_id}"))
        assert (user["email"], user["display_name"], user["language"]) == (ADDRESS, "Noor", "es")
        assert (user["roles"], user["password_change_required"]) == (["advocate", "supervisor"], False)
        whole = good(api.get("ada", path(one)))
        assert (whole["status"], whole["user_id"], whole["email"]) == ("accepted", user_id, ADDRESS)
        notice = good(api.get("ada", "/v1/notices"))["data"][0]
        assert (notice["kind"], notice["object_id"]) == ("invitation_accepted", user_id)

    def test_what_the_ledger_says(self, api: Api) -> None:
        """Who asked whom in, and that she came in: ids, never the address or the token."""
        one = invited(api)
        assert last_action(api) == "invitation.created"
        user_id = good(accept(api, one["link"]), 201)["user_id"]
        entry = api.world.entries()[-1]
        assert entry["action"] == "invitation.accepted"
        assert [also["action"] for also in entry["also"]] == ["user.created", "user.created"]
        assert user_id in str(entry)
        said = str(api.world.entries())
        assert ADDRESS not in said
        assert token_of(one["link"]) not in said
        assert "wpi_" not in said

    @pytest.mark.parametrize(
        "password", ["short", "a" * 257, "noornoornoornoor", "harbor harbor harbor", "nooratharborexample"]
    )
    def test_a_bad_password_costs_nothing(self, api: Api, password: str) -> None:
        """The rules for passwords hold, her own name and address and the agency's name among them; the link is good
        afterwards."""
        one = invited(api)
        body = problem(accept(api, one["link"], password), 422, "invalid", "/password")
        assert body["errors"][0]["code"].startswith("password-")
        good(accept(api, one["link"]), 201)

    def test_a_link_works_once(self, api: Api) -> None:
        """Used, it is as if it had never been."""
        one = invited(api)
        good(accept(api, one["link"]), 201)
        problem(accept(api, one["link"]), 401, "link-invalid")
        assert sign_in(api).status_code == 201

    def test_attack_29_of_twenty_at_once_one_comes_in(self, api: Api, urls: Urls) -> None:
        """One person, one entry, nineteen refusals, no error."""
        one, people = invited(api), counted(urls, "users")
        answers = at_once(20, lambda n: accept(api, one["link"], name=f"Noor {n}"))
        assert Counter(answer.status_code for answer in answers) == {201: 1, 401: 19}
        assert counted(urls, "users") == people + 1
        assert len([e for e in api.world.entries() if e["action"] == "invitation.accepted"]) == 1


class TestLinksThatDoNotWork:
    def test_one_answer_for_all_of_them(self, api: Api, urls: Urls) -> None:
        """Used, revoked, replaced, expired, of another agency, made up, cut, of another kind, for an address that has a
        sign-in: the same bytes."""
        used, revoked, replaced, taken = (invited(api, f"{n}@harbor.example") for n in ("u", "v", "w", "ben"))
        good(accept(api, used["link"]), 201)
        done(api.delete("ada", path(revoked)))
        good(api.post("ada", f"{path(replaced)}/links"), 201)
        ben = api.world.people["ben"].actor.id
        reset = good(api.post("ada", f"/v1/users/{ben}/password-reset"), 201)["link"]
        token = token_of(taken["link"])
        odd = ["wpi_" + "A" * 86, "wpi_" + "é" * 50, token[:-1], token + "A", token.replace("wpi_", "wpp_"), "x" * 40]
        links = [used["link"], revoked["link"], replaced["link"], reset, taken["link"], *(f"#{one}" for one in odd)]
        answers = [accept(api, link) for link in links]
        age(urls, "invitations", "expires_at", 72 * 3600)
        answers.append(accept(api, taken["link"]))
        for answer in answers:
            problem(answer, 401, "link-invalid")
        ids = [answer.headers["x-request-id"] for answer in answers]
        assert len({a.text.replace(i, "-") for a, i in zip(answers, ids, strict=True)}) == 1

    def test_it_ends_at_72_hours_to_the_microsecond(self, api: Api) -> None:
        """At the edge it is over."""
        one = UUID(invited(api)["id"])

        def at(db: Workspace, before: timedelta) -> None:
            row = db.find(Invitation, one)
            assert row.expires_at - row.created_at == timedelta(hours=72)
            db.now = row.expires_at - before
            invitation.must_be_usable(db, one, row.secret_hash)

        api.world.system(lambda db: at(db, timedelta(microseconds=1)))
        with pytest.raises(Unauthenticated):
            api.world.system(lambda db: at(db, timedelta(0)))

    def test_an_address_with_a_sign_in_is_not_taken_over_and_not_told(self, api: Api) -> None:
        """Here or at another agency: asked in like anybody, in the same words; nobody comes in, nothing of hers
        changes, and the answer tells no more than of a link that was used."""
        answers = [api.post("ada", "/v1/invitations", {"email": e, "roles": ["agency_admin"]}) for e in
                   ("nobody@harbor.example", "ben@harbor.example", "OTHER@lighthouse.example")]  # fmt: skip
        bodies = [made(answer, "/v1/invitations") for answer in answers]
        same = [{n: v for n, v in b.items() if n not in ("id", "email", "expires_at", "link")} for b in bodies]
        assert same[0] == same[1] == same[2]
        for body in bodies[1:]:
            problem(accept(api, body["link"], "ten quiet otters in a row"), 401, "link-invalid")
        assert sign_in(api, "other@lighthouse.example", PASSWORD).status_code == 201
        assert sign_in(api, "ben@harbor.example", PASSWORD).status_code == 201
        problem(sign_in(api, "ben@harbor.example", "ten quiet otters in a row"), 401, "invalid-credentials")

    def test_two_agencies_and_one_address(self, api: Api) -> None:
        """Both may ask; whoever she accepts first has her, the other link lets nobody in."""
        command = Actor.system(api.world.agency_id("Lighthouse"), kind=Kind.COMMAND)

        def elsewhere(db: Workspace) -> str:
            return Invitation.send(db, ADDRESS, [Role.ADVOCATE], "en").link(db)

        theirs, ours = api.world.database.transact(command, elsewhere), invited(api)["link"]
        good(accept(api, theirs), 201)
        problem(accept(api, ours), 401, "link-invalid")

    @pytest.mark.parametrize("change", ["suspended", "narrowed"])
    def test_it_dies_with_the_rights_of_whoever_sent_it(self, api: Api, change: str) -> None:
        """An admin who is suspended, or is admin no more, lets nobody in afterwards; least of all an admin."""
        command = Actor.system(api.world.agency_id(), kind=Kind.COMMAND)
        second = api.world.database.transact(
            command, lambda db: Invitation.send(db, "eve@harbor.example", [Role.AGENCY_ADMIN], "en").link(db)
        )
        user_id = good(accept(api, second, name="Eve"), 201)["user_id"]
        eve = Actor(api.world.agency_id(), UUID(user_id), roles=frozenset({Role.AGENCY_ADMIN}))
        link = api.world.database.transact(
            eve, lambda db: Invitation.send(db, ADDRESS, [Role.AGENCY_ADMIN], "en").link(db)
        )
        if change == "suspended":
            good(api.put("ada", f"/v1/users/{user_id}/suspension"))
            good(api.delete("ada", f"/v1/users/{user_id}/suspension"))  # who comes back does not bring it back
        else:
            good(api.patch("ada", f"/v1/users/{user_id}", {"roles": ["advocate"]}, if_match=1))
        problem(accept(api, link), 401, "link-invalid")

    def test_nobody_gives_what_she_may_not(self, api: Api) -> None:
        """Whoever holds no role that may give these roles is refused, however she got the permission."""
        sol = api.world.people["sol"].actor
        with pytest.raises(Forbidden):
            api.world.database.transact(sol, lambda db: Invitation.send(db, ADDRESS, [Role.ADVOCATE], "en"))
        for who in ("ana", "sol", "aud"):
            problem(api.post(who, "/v1/invitations", {"email": ADDRESS, "roles": ["advocate"]}), 403, "forbidden")
        body = {"email": ADDRESS, "roles": ["auditor", "advocate"]}
        problem(api.post("ada", "/v1/invitations", body), 409, "auditor-and-content")

    def test_a_restored_backup_lets_nobody_in(self, api: Api) -> None:
        """What was open then may have been used or taken back since."""
        one = invited(api)
        command = Actor.system(api.world.agency_id(), kind=Kind.COMMAND)
        api.world.database.transact(command, invitation.revoke_all)
        problem(accept(api, one["link"]), 401, "link-invalid")


class TestMail:
    @pytest.mark.parametrize(
        "address", ["a@b.example\r\nBcc: x@y.example", "a b@c.example", "a@b", "a\u202e@b.example", "<a@b.example>"]
    )
    def test_no_address_breaks_out(self, api: Api, address: str) -> None:
        """Line breaks, spaces, brackets and what turns text round are refused, and not repeated."""
        answer = api.post("ada", "/v1/invitations", {"email": address, "roles": ["advocate"]})
        problem(answer, 422, "invalid", "/email")
        assert "Bcc" not in answer.text

    @pytest.mark.parametrize("name", ["Noor\r\nBcc: x@y.example", "No\u202eor", "\x00"])
    def test_no_name_breaks_out(self, api: Api, name: str) -> None:
        """A display name is one line."""
        problem(accept(api, invited(api)["link"], name=name), 422, "invalid", "/display_name")


class TestAdministering:
    def test_the_list_names_no_address(self, api: Api) -> None:
        """Newest first, page by page, with where each stands."""
        ids = [invited(api, f"{n}@harbor.example")["id"] for n in range(5)]
        done(api.delete("ada", f"/v1/invitations/{ids[0]}"))
        rows = list(walk(api, "ada", "/v1/invitations", 2))
        assert [row["id"] for row in rows] == ids[::-1]
        assert all(set(row) == SUMMARY for row in rows)
        assert [row["status"] for row in rows] == ["open"] * 4 + ["revoked"]

    def test_sent_again_the_old_link_dies(self, api: Api, urls: Urls) -> None:
        """Another 72 hours; an expired one can be sent again too."""
        one = invited(api)
        age(urls, "invitations", "expires_at", 72 * 3600)
        assert good(api.get("ada", path(one)))["status"] == "expired"
        again = made_link(api, one)
        assert again["status"] == "open"
        assert again["link"] != one["link"]
        problem(accept(api, one["link"]), 401, "link-invalid")
        good(accept(api, again["link"]), 201)
        problem(api.post("ada", f"{path(one)}/links"), 409, "invitation-not-open")
        problem(api.delete("ada", path(one)), 409, "invitation-not-open")

    def test_a_link_is_shown_once(self, api: Api) -> None:
        """The same request again, by its key, names the invitation and not the link."""
        body = {"email": ADDRESS, "roles": ["advocate"]}
        first, second = (api.post("ada", "/v1/invitations", body, key="k1") for _ in range(2))
        assert second.headers["idempotency-replayed"] == "true"
        assert first.json()["id"] == second.json()["id"]
        assert (bool(first.json()["link"]), second.json()["link"]) == (True, None)
        assert "link" not in good(api.get("ada", path(first.json())))

    def test_taking_back_twice_is_one(self, api: Api) -> None:
        """And what was taken back is not sent again."""
        one = invited(api)
        for _ in range(2):
            done(api.delete("ada", path(one)))
        problem(api.post("ada", f"{path(one)}/links"), 409, "invitation-not-open")

    def test_foreign_is_unknown(self, api: Api) -> None:
        """Another agency's invitation is one nobody made."""
        command = Actor.system(api.world.agency_id("Lighthouse"), kind=Kind.COMMAND)
        theirs = api.world.database.transact(command, lambda db: Invitation.send(db, ADDRESS, [Role.ADVOCATE], "en").id)
        for method, end in (("GET", ""), ("DELETE", ""), ("POST", "/links")):
            same_refusal(*(api("ada", method, f"/v1/invitations/{one}{end}") for one in (theirs, NOWHERE, uuid4())))

    def test_open_ones_are_bounded(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        """So that nobody sends mail to the world."""
        monkeypatch.setattr(invitation, "MOST_OPEN", 2)
        one, _ = invited(api), invited(api)
        body = {"email": ADDRESS, "roles": ["advocate"]}
        problem(api.post("ada", "/v1/invitations", body), 409, "too-many-invitations")
        done(api.delete("ada", path(one)))
        made(api.post("ada", "/v1/invitations", body), "/v1/invitations")

    def test_ended_ones_are_erased(self, api: Api, urls: Urls) -> None:
        """After 90 days, with the address; the ledger verifies afterwards."""
        one = invited(api)
        good(accept(api, one["link"]), 201)
        assert api.world.system(invitation.forget_ended) == 0
        age(urls, "invitations", "expires_at", 94 * 86400)
        assert api.world.system(invitation.forget_ended) == 1
        assert (last_action(api), counted(urls, "invitations")) == ("invitation.erased", 0)
        assert not api.world.system(book.verify).faults


def made_link(api: Api, one: Any) -> Any:
    return good(api.post("ada", f"{path(one)}/links"), 201)


def test_nothing_stored_opens_a_link(api: Api, urls: Urls) -> None:
    """The database holds neither secret nor address."""
    one = invited(api)
    with behind(urls.superuser) as connection:
        rows = connection.exec_driver_sql("select * from invitations").all()
    stored = repr(rows) + b"".join(cell for row in rows for cell in row if isinstance(cell, bytes)).hex()
    secret = base64.urlsafe_b64decode(token_of(one["link"])[4:] + "==")[32:]
    assert len(secret) == 32
    assert secret.hex() not in stored
    assert ADDRESS not in stored
    assert ADDRESS.encode().hex() not in stored

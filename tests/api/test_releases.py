"""Releases: written, for one recipient, for a limited time, taken back by a word."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from models.base import table_of
from models.release import Release
from tests.api.contract import NOWHERE, client, good, last_action, made, problem, same_refusal, walk
from tests.conftest import Api
from tests.factories import behind, soon

RELEASE = {
    "id", "client_id", "recipient", "purpose", "what", "fields", "status", "signed_on", "signed_by", "expires_at",
    "recorded_at", "recorded_by_id", "revoked_at", "revoked_by_id", "revoked_how", "version",
}  # fmt: skip
REVOCATION = {"id", "expires_at", "revoked_at", "revoked_by_id", "revoked_how", "version", "still_open"}
HERE = ZoneInfo("America/New_York")


def today() -> str:
    return datetime.now(HERE).date().isoformat()


def signed(**values):
    body = {"recipient": "Legal Aid", "purpose": "a protection order", "what": ["two dates"], "signed_on": today()}
    return body | values


def release(api: Api, client_id: str, who: str = "ana", **values):
    return made(api.post(who, f"/v1/clients/{client_id}/releases", signed(**values)), "/v1/releases")


class TestRecord:
    def test_keeps_what_was_signed(self, api: Api):
        """By the advocate who works with her, or by her supervisor."""
        one = client(api)["id"]
        for who in ("ana", "sol"):
            kept = release(api, one, who)
            assert set(kept) == RELEASE
            assert (kept["status"], kept["signed_by"], kept["what"]) == ("active", "client", ["two dates"])
            assert last_action(api) == "release.recorded"
            assert good(api.get("ana", f"/v1/releases/{kept['id']}")) == kept
            assert last_action(api) == "release.read"

    def test_without_an_end_it_lasts_ninety_days(self, api: Api):
        """To the end of the ninetieth day at the agency (R8)."""
        kept = release(api, client(api)["id"])
        ends = datetime.fromisoformat(kept["expires_at"]).astimezone(HERE)
        day = datetime.fromisoformat(today()).date() + timedelta(days=91)
        assert (ends.date(), ends.hour, ends.minute) == (day, 0, 0)

    @pytest.mark.parametrize(
        ("values", "pointer", "code"),
        [
            ({"expires_at": soon(-1)}, "/expires_at", "release-over"),
            ({"signed_on": "2020-01-01"}, "/expires_at", "release-over"),
            ({"expires_at": soon(369)}, "/expires_at", "release-too-long"),
            ({"signed_on": soon(3)[:10]}, "/signed_on", "signed-ahead"),
            ({"what": []}, "/what", "too-short"),
            ({"recipient": "  "}, "/recipient", "text-blank"),
            ({"signed_on": None}, "/signed_on", "day"),
        ],
    )
    def test_refuses_what_was_not_given_or_has_no_reasonable_end(self, api: Api, values, pointer, code):
        """Written, purpose stated, limited in time (R1, R8, R9)."""
        body = problem(
            api.post("ana", f"/v1/clients/{client(api)['id']}/releases", signed(**values)), 422, "invalid", pointer
        )
        assert body["errors"][0]["code"] == code

    def test_one_recipient_and_a_purpose_are_needed(self, api: Api):
        """R6, R9: nothing general, nothing mutual."""
        path = f"/v1/clients/{client(api)['id']}/releases"
        problem(api.post("ana", path, signed(recipient=["a", "b"])), 422, "invalid", "/recipient")
        body = signed()
        del body["purpose"]
        problem(api.post("ana", path, body), 422, "invalid", "/purpose")

    def test_of_a_client_out_of_sight_is_not_there(self, api: Api):
        """A colleague's client, another agency's, nobody's."""
        one, foreign = client(api)["id"], client(api, "other")["id"]
        kept = release(api, one)["id"]
        same_refusal(*(api.post("ben", f"/v1/clients/{i}/releases", signed()) for i in (one, foreign, NOWHERE)))
        same_refusal(*(api.get("ben", f"/v1/clients/{i}/releases") for i in (one, foreign, NOWHERE)))
        same_refusal(*(api.get("ben", f"/v1/releases/{i}") for i in (kept, NOWHERE)))
        same_refusal(*(api.put("ben", f"/v1/releases/{i}/revocation", {"how": "oral"}) for i in (kept, NOWHERE)))


class TestRevoke:
    def test_works_at_once_by_a_word(self, api: Api):
        """R7. The first revocation stands; a second changes nothing."""
        kept = release(api, client(api)["id"])
        path = f"/v1/releases/{kept['id']}"
        ended = good(api.put("ana", f"{path}/revocation", {"how": "oral"}))
        assert set(ended) == REVOCATION
        assert (ended["revoked_how"], ended["version"]) == ("oral", 2)
        assert ended["revoked_by_id"] == str(api.world.people["ana"].actor.id)
        assert last_action(api) == "release.revoked"
        assert good(api.put("sol", f"{path}/revocation", {"how": "written"})) == ended
        assert good(api.get("ana", path))["status"] == "revoked"


class TestStatus:
    def test_is_read_off_the_clock(self, api: Api, urls):
        """Nothing has to happen for a release to end: a year later it is expired, in its list too."""
        one = client(api)["id"]
        kept = release(api, one, expires_at=soon(2))
        releases = table_of(Release)
        with behind(urls.superuser) as db:
            db.execute(releases.update().values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
        assert good(api.get("ana", f"/v1/releases/{kept['id']}"))["status"] == "expired"
        assert [r["status"] for r in walk(api, "ana", f"/v1/clients/{one}/releases", 2)] == ["expired"]
        assert "status" not in releases.c

    def test_the_list_goes_page_by_page_without_words(self, api: Api):
        """All of them, once each."""
        one = client(api)["id"]
        ids = {release(api, one)["id"] for _ in range(5)}
        rows = list(walk(api, "sol", f"/v1/clients/{one}/releases", 2))
        assert {row["id"] for row in rows} == ids
        assert set(rows[0]) == {"id", "client_id", "status", "signed_on", "expires_at", "revoked_at", "version"}

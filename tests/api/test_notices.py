"""Notices: what the house tells somebody, and nobody else."""

from datetime import timedelta
from uuid import UUID, uuid4

from api.notice_words import TITLES
from models.notice import KEPT, NoticeKind, forget_old, tell
from models.workspace import Workspace
from tests.api.contract import NOWHERE, cursor_of, good, refused_cursor, same_refusal, walk
from tests.conftest import Api
from tests.factories import entry_count
from tests.postgres import Urls

SHAPE = {"id", "kind", "title", "object_id", "created_at", "read_at"}
KIND = NoticeKind.PASSWORD_CHANGED


def told(api: Api, *who: str, times: int = 1, object_id: UUID | None = None) -> None:
    ids = [api.world.people[name].actor.id for name in who]
    for _ in range(times):
        api.world.system(lambda db: tell(db, ids, KIND, object_id))


def test_every_kind_has_its_words_in_both_languages() -> None:
    """And they name nobody."""
    assert set(TITLES) == set(NoticeKind)
    assert all(set(said) == {"en", "es"} and said["en"] != said["es"] for said in TITLES.values())
    assert not [said for pair in TITLES.values() for said in pair.values() if "{" in said]


class TestList:
    def test_shows_what_she_was_told_newest_first(self, api: Api) -> None:
        """In her language, page by page, each once."""
        about = uuid4()
        told(api, "ana", "ben", times=4)
        told(api, "ana", "ana", object_id=about)
        rows = list(walk(api, "ana", "/v1/notices", 2))
        assert len(rows) == 5
        assert all(set(row) == SHAPE for row in rows)
        assert [row["created_at"] for row in rows] == sorted((row["created_at"] for row in rows), reverse=True)
        assert [row["object_id"] for row in rows] == [str(about)] + [None] * 4
        assert len(list(walk(api, "ben", "/v1/notices", 3))) == 4
        answer = api.get("ana", "/v1/notices", headers={"accept-language": "es"})
        assert good(answer)["data"][0]["title"] == TITLES[KIND]["es"]
        assert answer.headers["content-language"] == "es"
        assert good(api.get("sol", "/v1/notices"))["data"] == []

    def test_a_cursor_is_hers(self, api: Api) -> None:
        """A colleague's cursor, or that of another filter, is refused."""
        told(api, "ana", "ben", times=2)
        cursor = cursor_of(api.get("ana", "/v1/notices?limit=1"))
        refused_cursor(api.get("ben", f"/v1/notices?limit=1&cursor={cursor}"))
        refused_cursor(api.get("ana", f"/v1/notices?limit=1&unread=true&cursor={cursor}"))

    def test_leaves_no_entry(self, api: Api, urls: Urls) -> None:
        """Nothing sealed is opened."""
        told(api, "ana")
        api.token("ana")
        before = entry_count(urls)
        good(api.get("ana", "/v1/notices"))
        assert entry_count(urls) == before


class TestReading:
    def test_marks_it_once(self, api: Api) -> None:
        """The first reading counts, and the unread are one fewer."""
        told(api, "ana", times=2)
        first = good(api.get("ana", "/v1/notices"))["data"][0]
        read = good(api.put("ana", f"/v1/notices/{first['id']}/reading"))
        assert read["read_at"] is not None
        assert good(api.put("ana", f"/v1/notices/{first['id']}/reading")) == read
        left = good(api.get("ana", "/v1/notices?unread=true"))["data"]
        assert len(left) == 1
        assert left[0]["id"] != first["id"]

    def test_anothers_is_unknown(self, api: Api) -> None:
        """A colleague's, one of another agency's and one nobody has are one answer, and stay unread."""
        told(api, "ben")
        other = api.world.people["other"].actor.id
        api.world.system(lambda db: tell(db, [other], KIND), "Lighthouse")
        bens = good(api.get("ben", "/v1/notices"))["data"][0]["id"]
        others = good(api.get("other", "/v1/notices"))["data"][0]["id"]
        paths = [f"/v1/notices/{one}/reading" for one in (bens, others, NOWHERE)]
        same_refusal(*(api.put("ana", path) for path in paths))
        assert good(api.get("ben", "/v1/notices?unread=true"))["data"]


def test_notices_are_forgotten_after_90_days(api: Api) -> None:
    """Read or not."""
    told(api, "ana", times=2)

    def later(days: int) -> int:
        def work(db: Workspace) -> int:
            db.now += timedelta(days=days)
            return forget_old(db)

        return api.world.system(work)

    assert later(KEPT.days - 1) == 0
    assert later(KEPT.days + 1) == 2
    assert good(api.get("ana", "/v1/notices"))["data"] == []


def test_everybody_may_read_her_own(api: Api) -> None:
    """Whatever her role."""
    for who in ("ana", "sol", "ada", "aud"):
        told(api, who)
        assert len(good(api.get(who, "/v1/notices"))["data"]) == 1

"""Being signed in: refresh tokens used once, a lost answer given again, a stolen one ending it all."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine

from models.access import Actor, Kind, Permission
from models.errors import Unauthenticated
from models.session import (
    ABSOLUTE,
    GRACE,
    IDLE,
    MOST,
    Opened,
    SignInSession,
    actor_of,
    end_sessions,
    parse_refresh_token,
)
from models.user import User
from models.workspace import Workspace
from tests.world import World


class Door:
    """Signing in and renewing as ana, at moments of choice."""

    def __init__(self, world: World, clock: Any) -> None:
        self.world, self.clock = world, clock
        self.ana = world.people["ana"].actor

    def run(self, work: Any) -> Any:
        return self.world.database.transact(replace(self.ana, kind=Kind.DOOR, roles=frozenset()), work)

    def open(self) -> str:
        opened: Opened = self.run(lambda db: SignInSession.open(db, self.ana.id))
        assert opened.refresh_token
        return opened.refresh_token

    def refresh(self, token: str) -> str | None:
        _, session_id, secret = parse_refresh_token(token)
        return self.run(lambda db: SignInSession.refresh(db, session_id, secret)).refresh_token

    def alive(self, token: str) -> bool:
        session_id = parse_refresh_token(token)[1]

        def look(db: Workspace) -> Actor:
            return actor_of(db, session_id, self.ana.id)

        try:
            self.run(look)
        except Unauthenticated:
            return False
        return True


@pytest.fixture
def door(world: World) -> Any:
    with time_machine.travel("2027-03-01T15:00:00Z", tick=False) as clock:
        yield Door(world, clock)


class TestRefresh:
    def test_each_token_is_good_for_one_use(self, door: Door) -> None:
        """Each answer holds the next one."""
        first = door.open()
        second = door.refresh(first)
        door.clock.shift(timedelta(minutes=5))
        third = door.refresh(second)
        assert len({first, second, third}) == 3
        assert door.alive(third)

    def test_a_lost_answer_gets_the_same_successor(self, door: Door) -> None:
        """Within ten seconds; nothing is rotated twice."""
        first = door.open()
        second = door.refresh(first)
        door.clock.shift(GRACE)
        assert door.refresh(first) == second
        assert door.alive(first)

    def test_a_used_token_ends_the_session(self, door: Door) -> None:
        """After that somebody else holds a copy: nobody goes on with it, and it is in the log."""
        first = door.open()
        second = door.refresh(first)
        door.clock.shift(GRACE + timedelta(seconds=1))
        assert door.refresh(first) is None
        assert not door.alive(second)
        with pytest.raises(Unauthenticated):
            door.refresh(second)
        assert door.world.entries()[-1]["action"] == "session.family_revoked"

    def test_an_older_used_token_ends_it_even_within_the_grace(self, door: Door) -> None:
        """The grace is for the last answer only."""
        first = door.open()
        third = door.refresh(door.refresh(first))
        assert door.refresh(first) is None
        assert not door.alive(third)

    def test_a_token_never_issued_ends_nothing(self, door: Door) -> None:
        """A guess must not sign anybody out."""
        token = door.open()
        _, session_id, _ = parse_refresh_token(token)
        with pytest.raises(Unauthenticated):
            door.run(lambda db: SignInSession.refresh(db, session_id, b"x" * 32))
        with pytest.raises(Unauthenticated):
            door.run(lambda db: SignInSession.refresh(db, UUID(int=7), b"x" * 32))
        assert door.alive(token)

    @pytest.mark.parametrize("text", ["", "wpr_", "wpr_!!!!", "x" * 90, "wpr_" + "A" * 84, "wpr_" + "A" * 87])
    def test_whatever_is_no_token_is_refused_alike(self, text: str) -> None:
        """Never an error of another kind."""
        with pytest.raises(Unauthenticated):
            parse_refresh_token(text)

    def test_idle_and_absolute_limits(self, door: Door) -> None:
        """An hour without use, twelve in all."""
        idle, kept = door.open(), door.open()
        door.clock.shift(IDLE)
        kept = door.refresh(kept)
        door.clock.shift(timedelta(seconds=1))
        with pytest.raises(Unauthenticated):
            door.refresh(idle)
        for _ in range(19):
            door.clock.shift(timedelta(minutes=34))
            assert kept
            kept = door.refresh(kept)
        assert kept
        assert door.alive(kept)  # 11 hours and 46 minutes after signing in
        door.clock.shift(ABSOLUTE - timedelta(hours=11, minutes=46))
        assert not door.alive(kept)
        with pytest.raises(Unauthenticated):
            door.refresh(kept)


class TestSessions:
    def test_the_eleventh_ends_the_oldest(self, door: Door) -> None:
        """Ten a person."""
        tokens = []
        for _ in range(MOST + 1):
            tokens.append(door.open())
            door.clock.shift(timedelta(seconds=1))
        assert [door.alive(token) for token in tokens] == [False] + [True] * MOST

    def test_signing_out_everywhere_but_here(self, door: Door) -> None:
        """What a change of password does."""
        here, there = door.open(), door.open()
        keep = parse_refresh_token(here)[1]
        door.run(lambda db: end_sessions(db, door.ana.id, keep=keep))
        assert (door.alive(here), door.alive(there)) == (True, False)

    def test_a_suspended_person_is_nobody_at_once(self, door: Door) -> None:
        """On the next request, not when a token runs out."""
        token = door.open()
        door.world.run("ada", Permission.USER_UPDATE, lambda db: db.claim(User, door.ana.id).suspend(db))
        assert not door.alive(token)

    def test_a_session_is_its_owners(self, door: Door) -> None:
        """A token that names another person's session stands for nobody."""
        session_id = parse_refresh_token(door.open())[1]
        ben = door.world.people["ben"].actor.id
        with pytest.raises(Unauthenticated):
            door.run(lambda db: actor_of(db, session_id, ben))

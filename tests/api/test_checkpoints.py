"""Checkpoints and proofs over HTTP, and the publisher that signs while people work."""

import json
import stat
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pydantic import ValidationError

from api.settings import Settings
from models.ledger import anchors, book, offline
from models.ledger.offline import Note
from tests.api.contract import client, dressed, good, problem, unknown
from tests.conftest import Api, service
from tests.world import World


def text(answer: Any) -> str:
    """A success in plain text, dressed like every answer."""
    assert answer.status_code == 200, answer.text
    dressed(answer)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    return str(answer.text)


def awaited(what: Callable[[], Any], within: float = 10.0) -> Any:
    """What it returns once it is true."""
    until = time.monotonic() + within
    while not (found := what()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return found


class TestCheckpoint:
    @pytest.mark.parametrize("who", ["aud", "ada", "sol"])
    def test_is_the_head_signed(self, api: Api, who: str):
        """Of the reader's own agency, as of now; reading it is an entry that the next one covers."""
        api.token(who)
        size = len(api.world.entries())
        note = Note.read(text(api.get(who, "/v1/audit/checkpoint")))
        harbor = api.world.agency_id()
        assert (note.size, note.origin) == (size, f"waypost.example/audit/{harbor}")
        assert note.signers(api.world.database.vault.notary.keys(harbor))
        entry = api.world.entries()[-1]
        assert (entry["action"], entry["object"]["t"]) == ("audit.read", "ledger_checkpoints")
        assert Note.read(text(api.get(who, "/v1/audit/checkpoint"))).size == size + 1

    def test_fits_the_log(self, api: Api):
        """It can be kept, and verification holds the log to it."""
        note = Note.read(text(api.get("aud", "/v1/audit/checkpoint")))
        client(api)
        assert not api.world.system(lambda db: book.verify(db, [("kept", note)])).faults

    def test_is_not_for_advocates(self, api: Api):
        """Nor for nobody."""
        problem(api.get("ana", "/v1/audit/checkpoint"), 403, "forbidden")
        problem(api.get(None, "/v1/audit/checkpoint"), 401, "unauthenticated")


class TestProof:
    def test_shows_one_entry_to_whoever_has_the_key(self, api: Api):
        """With the entry as the list of events shows it, below 1 KB in a log of this size."""
        client(api)
        events = good(api.get("aud", "/v1/audit-events?limit=200"))["data"]
        keys = api.world.database.vault.notary.keys(api.world.agency_id())
        for event in events:
            proof = text(api.get("aud", f"/v1/audit-events/{event['sequence']}/proof"))
            assert offline.check_proof(proof, book.canonical(event["entry"]), keys) is None
            assert proof.startswith(f"c2sp.org/tlog-proof@v1\nindex {event['sequence']}\n")
            assert len(proof.encode()) < 1024
        entry = api.world.entries()[-1]
        assert (entry["action"], entry["object"]["counts"]) == ("audit.read", {"sequence": events[-1]["sequence"]})

    def test_attack_55_beyond_the_log_and_another_agencys_are_nowhere(self, api: Api):
        """A number is an entry of the reader's own log or nothing; which other logs are longer cannot be heard."""
        for _ in range(5):
            client(api, "other")
        api.token("aud")
        size = len(api.world.entries())
        answers = [api.get("aud", f"/v1/audit-events/{n}/proof") for n in (size + 99, 2**62, 2**63, -1, "x", "01")]
        for answer in answers:
            unknown(answer)
        harbor = str(api.world.agency_id())
        assert harbor in text(api.get("aud", "/v1/audit-events/0/proof"))

    def test_is_not_for_advocates(self, api: Api):
        """Who checks is not who is checked."""
        problem(api.get("ana", "/v1/audit-events/0/proof"), 403, "forbidden")


class Hook(BaseHTTPRequestHandler):
    """A webhook that keeps what it is sent, after `delay` seconds, or refuses it."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        time.sleep(self.server.delay)  # type: ignore[attr-defined]
        self.server.got.append((self.headers["content-type"], body))  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def hook() -> Iterator[Any]:
    """A webhook on this machine."""
    server = HTTPServer(("127.0.0.1", 0), Hook)
    server.got, server.delay, server.status = [], 0.0, 204  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def counted(sink: str, outcome: str) -> float:
    """What /metrics says."""
    return REGISTRY.get_sample_value("waypost_checkpoints_total", {"sink": sink, "outcome": outcome}) or 0.0


class TestPublisher:
    def test_signs_what_grew_to_every_sink(
        self, world: World, hook: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ):
        """A second after an entry its checkpoint is in the file, on the line and at the webhook; at the end everything
        is, and the newest of each log is stored."""
        file, harbor = tmp_path / "kept.txt", world.agency_id()

        def largest(notes: list[Note]) -> int:
            return max((n.size for n in notes if n.origin.endswith(str(harbor))), default=-1)

        with service(
            world, checkpoint_sinks=[f"file:{file}", "stdout:", f"http://127.0.0.1:{hook.server_port}/x"]
        ) as api:
            client(api)
            size = len(world.entries())
            awaited(lambda: file.exists() and largest(offline.notes_in(file.read_text())) >= size)
            awaited(lambda: largest([Note.read(body) for _, body in hook.got]) >= size)
            client(api)
            size = len(world.entries())
        notes = offline.notes_in(file.read_text())
        printed = offline.notes_in("\n".join(x for x in capsys.readouterr().out.splitlines() if x.startswith('"')))
        assert largest(notes) == largest(printed) == size
        assert {kind for kind, _ in hook.got} == {"text/plain; charset=utf-8"}
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert world.system(anchors.newest).size == size
        kept = [("kept.txt", n) for n in notes if n.origin.endswith(str(harbor))]
        assert not world.system(lambda db: book.verify(db, kept)).faults

    def test_stores_few(self, world: World):
        """One for a run of entries or an hour, and the last when it stops."""
        with service(world) as api:
            for _ in range(3):
                client(api)
                time.sleep(1.2)
        assert len(world.system(anchors.notes)) <= 2

    def test_a_refusal_is_covered_too(self, world: World, tmp_path: Path):
        """Its entry is written in another transaction than the work it undid."""
        file = tmp_path / "kept.txt"
        with service(world, checkpoint_sinks=[f"file:{file}"]) as api:
            problem(api.get("aud", f"/v1/clients/{world.agency_id()}"), 403, "forbidden")
            size = len(world.entries())
            awaited(lambda: file.exists() and any(n.size >= size for n in offline.notes_in(file.read_text())))

    def test_a_slow_or_refusing_webhook_delays_nobody(self, world: World, hook: Any, tmp_path: Path):
        """The file has the note meanwhile, requests are answered, the failure is counted and tried again with the
        newest note; a redirect is not followed."""
        hook.delay, hook.status, file = 1.0, 307, tmp_path / "kept.txt"
        failed, delivered = counted("webhook", "failed"), counted("webhook", "delivered")
        with service(world, checkpoint_sinks=[f"http://127.0.0.1:{hook.server_port}/x", f"file:{file}"]) as api:
            client(api)
            awaited(file.exists)
            began = time.monotonic()
            client(api)
            assert time.monotonic() - began < 1.0
            awaited(lambda: counted("webhook", "failed") > failed)
            hook.delay, hook.status = 0.0, 200
            awaited(lambda: counted("webhook", "delivered") > delivered)

    @pytest.mark.parametrize(
        "sink",
        [
            "",
            "x",
            "file:kept.txt",
            "file://host/kept.txt",
            "file:/",
            "file:/folder/",
            "http://hook.example/x",
            "stdout:x",
            "https://",
            "https://ana:secret@hook.example/x",
            "ftp://hook.example/x",
            "https://hook.example/x#y",
        ],
    )
    def test_no_other_sink_is_taken(self, sink: str):
        """Refused at the start, in words that hold nothing of it."""
        with pytest.raises(ValidationError) as refused:
            Settings(checkpoint_sinks=[sink])
        said = json.dumps(refused.value.errors(include_input=False, include_url=False, include_context=False))
        assert "a sink is file:/path, stdout: or https" in said
        assert "secret" not in said

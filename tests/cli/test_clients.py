"""Destroying a record from the command line, as the second person; urgent, down to the root key."""

import os
import shutil
from pathlib import Path
from uuid import UUID

from models.access import Permission
from models.destruction import Destruction, DestructionReason, Extent
from models.legal_hold import LegalHold
from models.vault.keys import Vault
from models.vault.roots import RootKeys
from tests.cli.program import Program
from tests.world import World


def propose(world: World, client_id: UUID) -> UUID:
    asked = (Extent.EVERYTHING, DestructionReason.CLIENT_ASKED)
    return world.run(
        "sol",
        Permission.DESTRUCTION_PROPOSE,
        lambda db: Destruction.propose(db, client_id, *asked, urgent=True),
    )


def test_destroys_what_was_proposed_and_prints_the_certificate(program: Program, world: World) -> None:
    """Named by the client's id; the certificate can be printed again, by either id."""
    client_id, kept = world.client(), world.client()
    proposal = propose(world, client_id)
    program("client", "destroy", str(client_id)).refused("cannot be undone", "--yes")
    ran = program("client", "destroy", str(client_id), "--yes", "--json")
    assert ran.code == 0, ran.err
    said = ran.json
    assert (said["client_id"], said["state"], said["counts"]["clients"]) == (str(client_id), "carried_out", 1)
    assert (said["approved_by_id"], said["epochs_destroyed"]) == (None, [])
    del said["epochs_destroyed"]
    for one in (client_id, proposal):
        assert program("client", "certificate", str(one), "--json").json == said
    assert "state: carried_out" in program("client", "certificate", str(proposal)).out
    entry = next(e for e in reversed(world.entries()) if e["action"] == "client.destroyed")
    assert entry["who"]["kind"] == "command"
    program("client", "destroy", str(client_id), "--yes").refused("destroyed already", "client certificate")
    program("client", "destroy", str(kept), "--yes").refused("Nobody proposed")
    program("client", "certificate", str(kept)).refused("no certificate")


def test_a_hold_stands_here_too(program: Program, world: World) -> None:
    """The operator is the second person, not a way around."""
    client_id = world.client()
    propose(world, client_id)
    world.run("sol", Permission.HOLD_PLACE, lambda db: LegalHold.place(db, client_id, "A subpoena came.", None))
    program("client", "destroy", str(client_id), "--yes").refused("legal hold")
    assert "client.destroyed" not in {e["action"] for e in world.entries()}


def test_urgent_ends_the_epochs_her_keys_were_under(
    program: Program, world: World, vault: Vault, tmp_path: Path
) -> None:
    """Afterwards no root key is left that a backup's copy of her keys could be opened with; everybody else opens."""
    keys = shutil.copytree(vault.root.path.parent, tmp_path / "keys")  # the other tests need this epoch
    program.settings["WAYPOST_KEYS_DIR"] = str(keys)
    client_id = world.client()
    world.client(alias="Lark")
    propose(world, client_id)
    world.database.engine.dispose()
    ran = program("client", "destroy", str(client_id), "--urgent", "--yes", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["epochs_destroyed"] == [ran.json["key_epoch"]]
    assert ran.json["key_epoch"] not in RootKeys(keys / vault.root.path.name).epochs()
    assert program("keys", "check").code == 0


def test_an_urgent_destruction_that_was_stopped_halfway_goes_on(program: Program, world: World) -> None:
    """The record is destroyed, the epoch is not yet: the same command again finishes, and prints the certificate."""
    client_id = world.client()
    propose(world, client_id)
    folder = own_keys(program)
    folder.chmod(0o500)
    try:
        if not os.access(folder, os.W_OK):  # root may write everywhere
            program("client", "destroy", str(client_id), "--urgent", "--yes").refused("cannot be written here")
    finally:
        folder.chmod(0o700)
    assert program("client", "destroy", str(client_id), "--yes").code == 0
    ran = program("client", "destroy", str(client_id), "--urgent", "--yes", "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["state"], ran.json["epochs_destroyed"]) == ("carried_out", [1])


def own_keys(program: Program) -> Path:
    """A copy of the key files that this test may turn over."""
    folder = program.folder / "turned"
    folder.mkdir(mode=0o700)
    for file in Path(program.settings["WAYPOST_KEYS_DIR"]).glob("*.json"):
        (folder / file.name).write_bytes(file.read_bytes())
        (folder / file.name).chmod(0o600)
    program.settings["WAYPOST_KEYS_DIR"] = str(folder)
    return folder

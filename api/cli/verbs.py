"""Every verb of the command line on one page: its words, its options, and where its work is done."""

import sys
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from api.cli.say import finish

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Waypost: safety plans for domestic-violence advocates. Not an emergency service. "
    "Exit codes: 0 done, 1 a check found something, 2 usage, 3 cannot run.",
)
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document on standard output.")]
Data = Annotated[Path | None, typer.Option("--data", help="Folder with the data: a backup, perhaps an old one.")]
Keys = Annotated[Path | None, typer.Option("--keys", help="Folder with the newest keys: a backup or an export.")]
KeptNotes = Annotated[list[Path] | None, typer.Option("--kept", help="File with checkpoints kept outside; repeatable.")]
WithoutCheckpoint = Annotated[bool, typer.Option("--without-checkpoint", help="None was ever kept outside.")]
AcceptLoss = Annotated[
    bool, typer.Option("--accept-loss", help="Restore although some rows are lost or not to be trusted.")
]
Address = Annotated[str, typer.Argument(metavar="EMAIL", help="The address the person signs in with.")]
Roles = Annotated[
    list[str], typer.Option("--role", help="advocate, supervisor, agency_admin, auditor or volunteer; repeatable.")
]
Language = Annotated[str, typer.Option("--language", help="Language of answers.")]


def _group(name: str, about: str, under: typer.Typer = app) -> typer.Typer:
    made = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
    under.add_typer(made, name=name, help=about)
    return made


@app.command()
def demo(
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the demo that is there and build a new one.")] = False,
    as_json: Json = False,
) -> int:
    """Serve invented people to this machine alone, to try everything out."""
    from api.cli import demo as it

    return finish(lambda: it.demo(fresh=fresh, as_json=as_json), as_json=as_json)


@app.command()
def start(as_json: Json = False) -> int:
    """Serve for real use on one machine; an empty installation gets keys, tables and a set-up link."""
    from api.cli import start as it

    return finish(lambda: it.start(as_json=as_json), as_json=as_json)


@app.command()
def serve(as_json: Json = False) -> int:
    """Serve an installation that is set up, until SIGTERM."""
    from api.cli import serve as it

    return finish(lambda: it.serve(as_json=as_json), as_json=as_json)


@app.command()
def worker(
    once: Annotated[bool, typer.Option("--once", help="One round of chores, then end.")] = False, as_json: Json = False
) -> int:
    """Do the chores of every agency, again and again, until SIGTERM."""
    from api.cli import chores as it

    return finish(lambda: it.work(once=once), as_json=as_json)


@app.command()
def status(as_json: Json = False) -> int:
    """Whether requests could be served now, and how many agencies and people there are."""
    from api.cli import health as it

    return finish(it.status, as_json=as_json)


@app.command()
def doctor(as_json: Json = False) -> int:
    """Look at everything that could be wrong; each line says how to mend it."""
    from api.cli import health as it

    return finish(it.doctor, as_json=as_json)


@app.command()
def access(as_json: Json = False) -> int:
    """Who may do what: every permission, every role, and which clients each sees (docs/access.md)."""
    from api.cli import access as it

    return finish(it.show, as_json=as_json)


@app.command()
def openapi(as_json: Json = False) -> int:
    """Print the OpenAPI document (JSON in any case)."""
    from api.cli import upkeep as it
    from api.cli.say import Answer

    def work() -> Answer:
        sys.stdout.write(it.contract().decode())
        return Answer()

    return finish(work, as_json=False)


db = _group("db", "The database: bring it up to this code, compare, back up, restore.")


@db.command("upgrade")
def db_upgrade(as_json: Json = False) -> int:
    """Make or migrate the tables, as the owner role, and load the library."""
    from api.cli import upgrade as it

    return finish(it.upgrade, as_json=as_json)


@db.command("check")
def db_check(as_json: Json = False) -> int:
    """Whether the database has the shape this code was written for."""
    from api.cli import upgrade as it

    return finish(it.check, as_json=as_json)


@db.command("backup")
def db_backup(
    to: Annotated[Path | None, typer.Option("--to", help="The folder to make. Default: in `backups`.")] = None,
    as_json: Json = False,
) -> int:
    """Save data, key tables and ledgers into a new folder while the service goes on. The key files are not in it."""
    from api.cli import backups as it

    return finish(lambda: it.back_up(to), as_json=as_json)


restore = typer.Typer(rich_markup_mode=None, invoke_without_command=True)
db.add_typer(restore, name="restore", help="Old data and newest keys into an empty database; `check` only looks.")


@restore.callback()
def db_restore(
    context: typer.Context,
    data: Data = None,
    keys: Keys = None,
    kept: KeptNotes = None,
    without_checkpoint: WithoutCheckpoint = False,
    accept_loss: AcceptLoss = False,
    as_json: Json = False,
) -> int:
    """Old data and newest keys into an empty database. Every rule of `check` is looked at first."""
    if context.invoked_subcommand:
        return 0
    from api.cli import backups as it

    words = it.Words(data, keys, kept or [], without_checkpoint, accept_loss)
    return finish(lambda: it.restore(words), as_json=as_json)


@restore.command("check")
def db_restore_check(
    data: Data = None,
    keys: Keys = None,
    kept: KeptNotes = None,
    without_checkpoint: WithoutCheckpoint = False,
    accept_loss: AcceptLoss = False,
    as_json: Json = False,
) -> int:
    """Whether two folders may be restored together, and what would come back. Nothing is changed."""
    from api.cli import backups as it

    words = it.Words(data, keys, kept or [], without_checkpoint, accept_loss)
    return finish(lambda: it.check(words), as_json=as_json)


agency = _group("agency", "Agencies: list them, found one.")


@agency.command("list")
def agency_list(as_json: Json = False) -> int:
    """Every agency by id and name."""
    from api.cli import people as it

    return finish(it.list_agencies, as_json=as_json)


@agency.command("create")
def agency_create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")],
    time_zone: Annotated[str, typer.Option("--time-zone", help="Such as America/New_York.")],
    language: Annotated[str, typer.Option("--language", help="Language of its plans by default.")] = "en",
    jurisdiction: Annotated[str, typer.Option("--jurisdiction", help="Whose numbers and legal words.")] = "us-ct",
    as_json: Json = False,
) -> int:
    """Found an agency with keys and a ledger of its own."""
    from api.cli import people as it

    return finish(lambda: it.create_agency(name, time_zone, language, jurisdiction), as_json=as_json)


integration = _group("integration", "Programs of other organisations: list them, stop one.")


@integration.command("list")
def integration_list(
    agency: Annotated[str | None, typer.Option("--agency", help="Of this agency alone, by id or name.")] = None,
    as_json: Json = False,
) -> int:
    """Every integration: its id, its recipient, whether it may come in, when a token was last given to it."""
    from api.cli import integrations as it

    return finish(lambda: it.list_all(agency), as_json=as_json)


@integration.command("suspend")
def integration_suspend(
    wanted: Annotated[UUID, typer.Argument(metavar="ID", help="The integration's id.")], as_json: Json = False
) -> int:
    """Refuse an integration everything from its next request on. The agency's admin lets it in again."""
    from api.cli import integrations as it

    return finish(lambda: it.suspend(wanted), as_json=as_json)


sso = _group("sso", "Single sign-on: let passwords work again when the provider lets nobody in.")


@sso.command("allow-local")
def sso_allow_local(
    agency: Annotated[str, typer.Argument(metavar="AGENCY", help="The agency's id or name.")], as_json: Json = False
) -> int:
    """Let passwords work again at an agency, next to its identity provider."""
    from api.cli import people as it

    return finish(lambda: it.allow_local(agency), as_json=as_json)


user = _group("user", "People: invite, let one in, new one-time password, reset a lost factor, end a suspension.")


@user.command("create")
def user_create(
    email: Address,
    agency: Annotated[str, typer.Option("--agency", help="The agency's id or name.")],
    name: Annotated[str, typer.Option("--name", help="How the person is named to others.")],
    role: Roles,
    language: Language = "en",
    as_json: Json = False,
) -> int:
    """A sign-in with a one-time password: shown on a terminal, else written to a file only you can read."""
    from api.cli import people as it

    return finish(lambda: it.create_user(email, agency, name, role, language), as_json=as_json)


@user.command("invite")
def user_invite(
    email: Address,
    agency: Annotated[str, typer.Option("--agency", help="The agency's id or name.")],
    role: Roles,
    language: Language = "en",
    as_json: Json = False,
) -> int:
    """A link to come in by, once, within 72 hours: shown on a terminal, else written to a file only you can read."""
    from api.cli import people as it

    return finish(lambda: it.invite(email, agency, role, language), as_json=as_json)


@user.command("reset-password")
def user_reset_password(email: Address, as_json: Json = False) -> int:
    """A new one-time password; the person is signed out everywhere."""
    from api.cli import people as it

    return finish(lambda: it.reset_password(email), as_json=as_json)


@user.command("reset-factor")
def user_reset_factor(email: Address, as_json: Json = False) -> int:
    """Take a lost second factor away; the person is signed out everywhere and has to set up a new one."""
    from api.cli import people as it

    return finish(lambda: it.reset_factor(email), as_json=as_json)


@user.command("sign-out")
def user_sign_out(
    email: Annotated[str | None, typer.Argument(metavar="[EMAIL]", help="The address she signs in with.")] = None,
    agency: Annotated[str | None, typer.Option("--agency", help="Everybody of this agency, by its id or name.")] = None,
    as_json: Json = False,
) -> int:
    """End every session of one person, or of everybody at an agency. They may sign in again."""
    from api.cli import people as it

    return finish(lambda: it.sign_out(email, agency), as_json=as_json)


@user.command("unlock")
def user_unlock(email: Address, as_json: Json = False) -> int:
    """Let a suspended person back in. (Failed sign-ins slow down; they never lock anybody out.)"""
    from api.cli import people as it

    return finish(lambda: it.unlock(email), as_json=as_json)


client = _group("client", "A client's record: destroy it as the second person, show the certificate.")


@client.command("destroy")
def client_destroy(
    named: Annotated[str, typer.Argument(metavar="ID", help="The client's id, or the proposal's.")],
    urgent: Annotated[
        bool, typer.Option("--urgent", help="Also destroy the root epochs her keys were under: older backups die.")
    ] = False,
    sure: Annotated[bool, typer.Option("--yes", help="You know that it cannot be undone.")] = False,
    as_json: Json = False,
) -> int:
    """Carry out what somebody else proposed, and print the certificate."""
    from api.cli import clients as it

    return finish(lambda: it.destroy(named, urgent=urgent, sure=sure), as_json=as_json)


@client.command("certificate")
def client_certificate(
    named: Annotated[str, typer.Argument(metavar="ID", help="The client's id, or the destruction's.")],
    as_json: Json = False,
) -> int:
    """Print the certificate of a destruction."""
    from api.cli import clients as it

    return finish(lambda: it.certificate(named), as_json=as_json)


content = _group("content", "The library of templates: check the files, load them.")


@content.command("lint")
def content_lint(as_json: Json = False) -> int:
    """Check every file of words; each fault with file, line and path."""
    from api.cli import library as it

    return finish(it.lint, as_json=as_json)


@content.command("load")
def content_load(as_json: Json = False) -> int:
    """Bring new versions into the database; published ones never change."""
    from api.cli import library as it

    return finish(it.load, as_json=as_json)


keys = _group("keys", "The keys: make them once, rotate, replace, check, destroy an epoch, save the key tables.")


@keys.command("new")
def keys_new(
    service: Annotated[
        str,
        typer.Option(
            "--service",
            metavar="SERVICE",
            help="Where the root key is made: file, aws-kms:REGION, gcp-kms:KEY or vault-transit:URL.",
        ),
    ] = "file",
    checkpoint: Annotated[
        bool, typer.Option("--checkpoint", help="Only the checkpoint key, which an older installation lacks.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Make the key files of a new installation; none is ever overwritten."""
    from api.cli import upkeep as it

    return finish(it.new_checkpoint_key if checkpoint else lambda: it.new_keys(service), as_json=as_json)


@keys.command("rotate-checkpoint-key")
def keys_rotate_checkpoint_key(as_json: Json = False) -> int:
    """A new key for the ledger's checkpoints, introduced by notes that both keys signed."""
    from api.cli import ledger as it

    return finish(it.rotate_key, as_json=as_json)


@keys.command("status")
def keys_status(as_json: Json = False) -> int:
    """The key files, keys and seals by epoch, and until when backups need an older epoch."""
    from api.cli import keys as it

    return finish(it.status, as_json=as_json)


@keys.command("check")
def keys_check(as_json: Json = False) -> int:
    """Open every key of every agency."""
    from api.cli import keys as it

    return finish(it.check, as_json=as_json)


@keys.command("rotate")
def keys_rotate(
    to: Annotated[
        str | None, typer.Option("--to", help="Under another key service, such as aws-kms:us-east-1.")
    ] = None,
    as_json: Json = False,
) -> int:
    """A new root epoch; every key wrapped under it while the service goes on. Stopped, it goes on where it was."""
    from api.cli import keys as it

    return finish(lambda: it.rotate(to), as_json=as_json)


Urgent = Annotated[bool, typer.Option("--urgent", help="The key file was seen by others: trust nothing in it.")]
tokens = _group("tokens", "The key that signs access tokens: rotate it.", keys)
pepper = _group("pepper", "The pepper under passwords: rotate it.", keys)


@tokens.command("rotate")
def keys_tokens_rotate(urgent: Urgent = False, as_json: Json = False) -> int:
    """A new key signs access tokens; running servers follow by themselves and nobody is signed out."""
    from api.cli import service_keys as it

    return finish(lambda: it.rotate_tokens(urgent=urgent), as_json=as_json)


@pepper.command("rotate")
def keys_pepper_rotate(urgent: Urgent = False, as_json: Json = False) -> int:
    """A new pepper under passwords; each is hashed anew at its owner's next sign-in."""
    from api.cli import service_keys as it

    return finish(lambda: it.rotate_pepper(urgent=urgent), as_json=as_json)


@keys.command("rekey")
def keys_rekey(
    client: Annotated[str | None, typer.Argument(metavar="CLIENT", help="The client's id.")] = None,
    agency: Annotated[str | None, typer.Option("--agency", help="An agency's own key instead, by id or name.")] = None,
    as_json: Json = False,
) -> int:
    """A new data key for a client; her rows are sealed under it and the old key is deleted."""
    from api.cli import keys as it

    return finish(lambda: it.replace(client, agency), as_json=as_json)


@keys.command("destroy-epoch")
def keys_destroy_epoch(
    epoch: Annotated[int, typer.Argument(metavar="EPOCH", min=1, help="The number keys status shows.")],
    urgent: Annotated[bool, typer.Option("--urgent", help="Now, rotating first; backups that need it die.")] = False,
    sure: Annotated[bool, typer.Option("--yes", help="You know that it cannot be undone.")] = False,
    as_json: Json = False,
) -> int:
    """Destroy a root epoch that wraps nothing any more, and with it what only old backups still hold."""
    from api.cli import keys as it

    return finish(lambda: it.destroy_epoch(epoch, urgent=urgent, sure=sure), as_json=as_json)


@keys.command("export-wrapped")
def keys_export_wrapped(
    to: Annotated[Path | None, typer.Option("--to", help="The folder to make. Default: in `backups`.")] = None,
    as_json: Json = False,
) -> int:
    """Save the key tables and the ledgers alone: small, often, apart from the backups. The key files are not in it."""
    from api.cli import backups as it

    return finish(lambda: it.export_keys(to), as_json=as_json)


audit = _group("audit", "The ledger.")


Agency = Annotated[str | None, typer.Option("--agency", help="One agency by id or name. Default: all.")]


@audit.command("verify")
def audit_verify(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="An export. Default: this database.")] = None,
    agency: Agency = None,
    kept: Annotated[list[Path] | None, typer.Option("--kept", help="A file of notes kept outside; repeatable.")] = None,
    key: Annotated[list[str] | None, typer.Option("--key", help="With DIR: a key to believe; repeatable.")] = None,
    state: Annotated[bool, typer.Option("--state", help="Also compare sealed rows with what the log says.")] = False,
    as_json: Json = False,
) -> int:
    """Recompute the ledgers from their entries; compare with heads, checkpoints, notes kept outside, rows."""
    from api.cli import ledger as it

    return finish(lambda: it.verify(folder, agency, kept or [], key or [], state=state), as_json=as_json)


@audit.command("checkpoint")
def audit_checkpoint(agency: Agency = None, as_json: Json = False) -> int:
    """Sign how long each ledger is now and its root, and publish it; the service does so by itself every second."""
    from api.cli import ledger as it

    return finish(lambda: it.sign(agency), as_json=as_json)


@audit.command("vouch")
def audit_vouch(agency: Agency = None, as_json: Json = False) -> int:
    """Have the ledgers say who may see what, as the rows stand now; look at what `verify --state` says first."""
    from api.cli import ledger as it

    return finish(lambda: it.vouch(agency), as_json=as_json)


@audit.command("prove")
def audit_prove(
    seq: Annotated[int, typer.Argument(metavar="SEQ", help="The entry's sequence number.", min=0)],
    agency: Annotated[str, typer.Option("--agency", help="The agency's id or name.")],
    to: Annotated[Path | None, typer.Option("--to", help="The file to write. Default: print it.")] = None,
    as_json: Json = False,
) -> int:
    """Prove to others that one entry is in a ledger."""
    from api.cli import ledger as it

    return finish(lambda: it.prove(seq, agency, to), as_json=as_json)


@audit.command("export")
def audit_export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    agency: Agency = None,
    as_json: Json = False,
) -> int:
    """Write ledgers as files that anybody can verify without Waypost."""
    from api.cli import ledger as it

    return finish(lambda: it.export(folder, agency), as_json=as_json)


search = _group("search", "The search for clients by name.")


@search.command("index")
def search_index(
    agency: Annotated[str, typer.Option("--agency", help="The agency's id or name.")],
    off: Annotated[bool, typer.Option("--off", help="Take the index away.")] = False,
    as_json: Json = False,
) -> int:
    """Index the full names of an agency with more than some 20,000 clients; docs/search.md says what it gives away."""
    from api.cli import search as it

    return finish(lambda: it.drop_index(agency) if off else it.build_index(agency), as_json=as_json)

"""What proves the ledger to others: the newest signed checkpoint, and a proof that one entry is in the log."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import PlainTextResponse

from api.door import Door
from api.examples import NOTE, PROOF
from api.gate import Can
from models.access import Permission
from models.ledger import checkpoint
from models.workspace import Workspace

router = APIRouter(tags=["ledger"], route_class=Door)
Sequence = Annotated[int, Path(ge=0, le=2**62, description="The entry's `sequence`.")]


@router.get(
    "/audit/checkpoint",
    summary="The ledger's newest checkpoint",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"example": NOTE}}}},
)
def read_checkpoint(db: Annotated[Workspace, Can(Permission.AUDIT_READ)]) -> str:
    """A C2SP signed note: the log's name, its size, its root, signed. Keep it outside: what was in the log then cannot
    be changed or cut off unseen. Reading it is an entry, which it does not cover yet."""
    return checkpoint.read(db)


@router.get(
    "/audit-events/{sequence}/proof",
    summary="Prove one entry",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"example": PROOF}}}},
)
def read_proof(sequence: Sequence, db: Annotated[Workspace, Can(Permission.AUDIT_READ)]) -> str:
    """A C2SP tlog-proof: the hashes that lead from the entry to the root of a checkpoint, and that checkpoint. Whoever
    has the entry and the key can check it without the log (docs/verify.md)."""
    return checkpoint.prove(db, sequence)

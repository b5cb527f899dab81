"""Safety plans: made with the survivor from a template's sections, read, activated, closed."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field, StringConstraints

from api import paging
from api.door import Door, IfMatch
from api.gate import Can
from api.paging import Page
from api.progress import Progress
from api.shapes import Filter, In, Language, Note, Out, Patch
from models.access import Permission
from models.agency import Custody
from models.checklist import Choice, ItemStatus, Outcome, Whose, items_of, number_of, sections_of
from models.content import ItemKind, TranslationState
from models.jurisdiction import local
from models.ledger.action import Action
from models.plan import Plan, PlanStatus, plans_of, read
from models.template import Pinned, PinnedWords, words
from models.workspace import Workspace

router = APIRouter(tags=["plans"], route_class=Door)
RIGHT_TO_LEFT = frozenset({"ar", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
FactName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]


class PlanIn(In):
    """From which template, which sections, in which language."""

    template_id: UUID
    version: Annotated[int, Field(ge=1, le=999_999)] | None = None
    """The latest published version when not said."""
    sections: Annotated[list[Key], Field(max_length=60)] | None = None
    """Keys of the sections chosen with the survivor; all that are not hidden when not said."""
    language: Language | None = None
    """The agency's when not said."""
    custody: Custody | None = None
    """How much is kept; only as strict as the agency's default, or stricter."""
    copy_from: UUID | None = None
    """An earlier plan of hers whose words are to be taken over."""


class PlanPatch(Patch):
    """What is to change."""

    language: Language = "en"
    custody: Custody = Custody.RETAINED
    """Only to something stricter."""
    facts: Annotated[dict[FactName, Note | None], Field(max_length=50)] = {}
    """Facts several items share, entered once, such as trusted_neighbor; null takes one away."""


class PlanFilter(Filter):
    """Which plans."""

    status: list[PlanStatus] = []
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class TemplateRef(Out):
    """The template version a plan stands on, for ever."""

    id: UUID
    version: int


class ItemInPlan(Out):
    """An item of a plan."""

    id: UUID
    key: str | None
    """The template's name for it; null for an own item."""
    kind: ItemKind
    text: str
    """The survivor's words where there are any, else the template's."""
    detail: str | None
    """Place, person, time."""
    prompt: str | None
    """The question that leads to the survivor's own words."""
    status: ItemStatus
    outcome: Outcome | None
    priority: int | None
    whose_words: Whose
    noticeable: bool
    """True when the person who does harm may notice it."""
    notice: str | None
    """What to think about before planning it."""
    secret: bool
    """True when it is not to be shown on screens and prints without asking."""
    shared_fact: str | None
    """Name of the fact it shares with other items."""
    shared_value: str | None
    """That fact, as entered on the plan."""
    completed_at: datetime | None
    completed_by_id: UUID | None
    version: int


class SectionInPlan(Out):
    """A section of a plan with its items."""

    id: UUID
    key: str | None
    title: str
    guidance: str
    choice: Choice
    version: int
    items: list[ItemInPlan]


class PlanSummary(Out):
    """A plan in a list: nothing that was written in it."""

    id: UUID
    client_id: UUID
    status: PlanStatus
    custody: Custody
    progress: Progress
    next_review_at: datetime | None
    created_at: datetime
    version: int

    @classmethod
    def of(cls, plan: Plan) -> "PlanSummary":
        return cls(
            id=plan.id,
            client_id=plan.client_id,
            status=plan.status,
            custody=plan.custody,
            progress=Progress.of(plan),
            next_review_at=plan.next_review_at,
            created_at=plan.created_at,
            version=plan.version,
        )


class PlanOut(Out):
    """A safety plan with its sections and items."""

    home = "/v1/plans"

    id: UUID
    client_id: UUID
    template: TemplateRef
    status: PlanStatus
    custody: Custody
    language: str
    dir: str
    """Direction of its script: ltr or rtl."""
    translation: TranslationState
    """How far the words in this language may be trusted: source, draft or reviewed."""
    progress: Progress
    facts: dict[str, str]
    next_review_at: datetime | None
    created_at: datetime
    activated_at: datetime | None
    closed_at: datetime | None
    version: int
    sections: list[SectionInPlan]

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "PlanOut":
        plan = read(db, row_id)
        db.note(Action.PLAN_READ, "plans", [plan.id], plan.client_id)
        return _whole(db, plan)


class ProgressOut(Out):
    """A plan's progress alone."""

    plan_id: UUID
    progress: Progress
    next_review_at: datetime | None
    version: int


@router.post("/clients/{client_id}/plans", status_code=201, summary="Make a plan")
def create_plan(client_id: UUID, body: PlanIn, db: Annotated[Workspace, Can(Permission.PLAN_CREATE)]) -> PlanOut:
    """A draft plan with the chosen sections and their items, in the chosen language."""
    return _whole(db, read(db, Plan.draft(db, client_id, **dict(body))))


@router.get("/clients/{client_id}/plans", summary="List a client's plans")
def list_plans(
    client_id: UUID,
    query: Annotated[PlanFilter, Query()],
    db: Annotated[Workspace, Can(Permission.PLAN_READ)],
) -> Page[PlanSummary]:
    """A client's plans without their words."""
    db.must_see(client_id)
    scope = f"plans?client={client_id}&status={sorted(query.status)}"
    after = paging.after_id(db, scope, query.cursor)
    rows = plans_of(db, client_id, query.status, query.limit + 1, after)
    return paging.page(db, scope, rows, query.limit, lambda plan: [str(plan.id)], PlanSummary.of)


@router.get("/plans/{plan_id}", summary="Read a plan")
def read_plan(plan_id: UUID, db: Annotated[Workspace, Can(Permission.PLAN_READ)]) -> PlanOut:
    """A plan with everything in it; the reading is logged."""
    return PlanOut.again(db, plan_id)


@router.get("/plans/{plan_id}/progress", summary="Read a plan's progress")
def read_progress(plan_id: UUID, db: Annotated[Workspace, Can(Permission.PLAN_READ)]) -> ProgressOut:
    """How many items stand where. Opens nothing of what was written."""
    plan = db.find(Plan, plan_id)
    return ProgressOut(
        plan_id=plan.id, progress=Progress.of(plan), next_review_at=plan.next_review_at, version=plan.version
    )


@router.patch("/plans/{plan_id}", summary="Change a plan")
def update_plan(
    plan_id: UUID, body: PlanPatch, db: Annotated[Workspace, Can(Permission.PLAN_UPDATE)], if_match: IfMatch
) -> PlanOut:
    """Change language, shared facts or custody."""
    db.claim(Plan, plan_id, if_match).update(db, **body.changes())
    return _after_change(db, plan_id)


@router.put("/plans/{plan_id}/activation", summary="Activate a plan")
def activate(plan_id: UUID, db: Annotated[Workspace, Can(Permission.PLAN_UPDATE)]) -> PlanOut:
    """Make it the client's plan in use. The one before is superseded, and its scheduled reviews are cancelled."""
    Plan.claim_under_client(db, plan_id).activate(db)
    return _after_change(db, plan_id)


@router.put("/plans/{plan_id}/closure", summary="Close a plan")
def close(plan_id: UUID, db: Annotated[Workspace, Can(Permission.PLAN_UPDATE)]) -> PlanOut:
    """No longer worked with; its scheduled reviews are cancelled."""
    Plan.claim_under_client(db, plan_id).close(db)
    return _after_change(db, plan_id)


def _after_change(db: Workspace, plan_id: UUID) -> PlanOut:
    db.flush()
    return _whole(db, read(db, plan_id))


def _whole(db: Workspace, plan: Any) -> PlanOut:
    """A plan's row with its sections, items and words."""
    _, values = local(db)
    pinned = Pinned(plan.template_owner_id, plan.template_id, plan.template_version)
    text = words(db, pinned, plan.language, values)
    facts = plan.facts or {}
    by_section: dict[int, list[ItemInPlan]] = {}
    for row in items_of(db, plan.id, plan.client_id):
        by_section.setdefault(row.section, []).append(_item(row, text, facts))
    sections = [
        _section(row, text, by_section.get(number_of(row.id), [])) for row in sections_of(db, plan.id, plan.client_id)
    ]
    return PlanOut(
        id=plan.id,
        client_id=plan.client_id,
        template=TemplateRef(id=plan.template_id, version=plan.template_version),
        status=plan.status,
        custody=plan.custody,
        language=text.language,
        dir="rtl" if text.language.split("-")[0] in RIGHT_TO_LEFT else "ltr",
        translation=text.translation,
        progress=Progress.of(plan),
        facts=facts,
        next_review_at=plan.next_review_at,
        created_at=plan.created_at,
        activated_at=plan.activated_at,
        closed_at=plan.closed_at,
        version=plan.version,
        sections=sections,
    )


def _section(row: Any, text: PinnedWords, items: list[ItemInPlan]) -> SectionInPlan:
    source = text.section(row.source)
    return SectionInPlan(
        id=row.id,
        key=source.key if source else None,
        title=source.title if source else row.title or "",
        guidance=source.guidance if source else "",
        choice=row.choice,
        version=row.version,
        items=items,
    )


def _item(row: Any, text: PinnedWords, facts: dict[str, str]) -> ItemInPlan:
    source = text.item(row.source)
    fact = source.source.shared_fact if source else None
    return ItemInPlan(
        id=row.id,
        key=source.source.key if source else None,
        kind=row.kind,
        text=row.text or (source.text if source else ""),
        detail=row.detail,
        prompt=source.prompt if source else None,
        status=row.status,
        outcome=row.outcome,
        priority=row.priority,
        whose_words=row.whose_words,
        noticeable=bool(source and source.source.noticeable),
        notice=source.notice if source else None,
        secret=bool(source and source.source.secret),
        shared_fact=fact,
        shared_value=facts.get(fact) if fact else None,
        completed_at=row.completed_at,
        completed_by_id=row.completed_by_id,
        version=row.version,
    )

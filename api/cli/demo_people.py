"""Who and what the demo invents: two agencies, their staff, clients named after birds. Nobody here exists."""

from dataclasses import dataclass, field

from models.access import Role


@dataclass(frozen=True)
class Member:
    """Somebody on an agency's staff."""

    email: str
    name: str
    role: Role
    language: str = "en"


@dataclass(frozen=True)
class DemoPlan:
    """A plan: which sections in which language, what the survivor made of them, when it is looked at again."""

    sections: tuple[str, ...]
    language: str = "en"
    active: bool = True
    words: dict[str, str] = field(default_factory=dict)  # item key -> the survivor's words
    ticked: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()  # not safe now
    reviewed: str | None = None  # what had changed at a review held already
    review_in_days: int | None = None


@dataclass(frozen=True)
class DemoClient:
    """A client with her contact's warning and, if there is one, her plan."""

    advocate: str
    alias: str
    languages: tuple[str, ...] = ("en",)
    warning: str | None = None
    safe_hours: str | None = None
    plan: DemoPlan | None = None
    closed: str | None = None


@dataclass(frozen=True)
class DemoAgency:
    """An agency, its people and their caseload."""

    name: str
    time_zone: str
    jurisdiction: str
    staff: tuple[Member, ...]
    clients: tuple[DemoClient, ...]


#: The person whose one-time password is printed.
GUIDE = "ana@harbor.example"

HARBOR = DemoAgency(
    "Harbor",
    "America/New_York",
    "us-ct",
    (
        Member("ana@harbor.example", "Ana (invented)", Role.ADVOCATE),
        Member("ben@harbor.example", "Ben (invented)", Role.ADVOCATE, "es"),
        Member("sol@harbor.example", "Sol (invented)", Role.SUPERVISOR),
        Member("ada@harbor.example", "Ada (invented)", Role.AGENCY_ADMIN),
        Member("aud@harbor.example", "Aud (invented)", Role.AUDITOR),
        Member("val@harbor.example", "Val (invented)", Role.VOLUNTEER),
    ),
    (
        DemoClient(
            "ana@harbor.example",
            "Wren",
            warning="Text only, and never first thing in the morning: the phone is shared until nine.",
            safe_hours="Weekdays 12:00 to 13:00",
            plan=DemoPlan(
                ("home", "work", "technology", "bag"),
                words={
                    "home-1": "Twenty a week, kept by my sister in the blue tin.",
                    "home-2": "Back stairs, then the gate by the bins. I tried it on Tuesday.",
                    "work-2": "Marta at the front desk calls, and says there is a delivery for me.",
                    "technology-1": "The computers on the second floor of the library.",
                },
                ticked=("home-1", "home-2", "home-5", "work-2", "bag-1", "bag-4"),
                set_aside=("technology-5",),
                reviewed="The library card works. The bag is at her sister's now.",
                review_in_days=12,
            ),
        ),
        DemoClient(
            "ana@harbor.example",
            "Plover",
            ("es",),
            warning="Si contesta otra persona, decir que se llama de la biblioteca.",
            plan=DemoPlan(
                ("home", "neighborhood", "emergency", "bag"),
                "es",
                words={
                    "home-3": "A casa de mi tía, en el autobús de las seis.",
                    "neighborhood-3": "La palabra es «albahaca»; la sabe la señora del segundo.",
                },
                ticked=("home-3", "neighborhood-1", "bag-2"),
                review_in_days=-4,
            ),
        ),
        DemoClient("ana@harbor.example", "Sandpiper", plan=DemoPlan(("home", "children"), active=False)),
        DemoClient("ana@harbor.example", "Dunlin"),
        DemoClient(
            "ben@harbor.example",
            "Heron",
            plan=DemoPlan(
                ("work", "children", "emergency"),
                words={"children-2": "The bathroom upstairs; it locks from the inside."},
                ticked=("children-3", "children-5"),
                review_in_days=0,
            ),
        ),
        DemoClient("ben@harbor.example", "Tern", closed="Moved to another state; her file was offered to her."),
    ),
)

LIGHTHOUSE = DemoAgency(
    "Lighthouse",
    "Europe/Dublin",
    "ie",
    (
        Member("lea@lighthouse.example", "Lea (invented)", Role.ADVOCATE),
        Member("sia@lighthouse.example", "Sia (invented)", Role.SUPERVISOR),
        Member("adi@lighthouse.example", "Adi (invented)", Role.AGENCY_ADMIN),
        Member("aru@lighthouse.example", "Aru (invented)", Role.AUDITOR),
    ),
    (
        DemoClient(
            "lea@lighthouse.example",
            "Puffin",
            plan=DemoPlan(
                ("home", "bag"),
                words={"home-4": "Spare keys with the neighbour who waters the plants."},
                ticked=("bag-1",),
                review_in_days=20,
            ),
        ),
        DemoClient(
            "lea@lighthouse.example", "Gannet", ("es", "en"), plan=DemoPlan(("technology",), "es", active=False)
        ),
    ),
)

AGENCIES = (HARBOR, LIGHTHOUSE)

"""Who may do what, printed from models/access.py: the page docs/access.md is what this prints."""

from api.cli.say import Answer
from models.access import GRANTS, REACH, STEP_UP, Permission, Reach, Role

_SEES = {
    Reach.NONE: "none; some are named to her by id",
    Reach.SECTIONS: "alias and words of sections given to her",
    Reach.ASSIGNED: "those she is assigned to, or covers",
    Reach.AGENCY: "her team's and nobody's; without a team the agency's",
}
_ABOUT = """\
# Who may do what

`python -m api access` prints this page from `models/access.py`; a test compares the two. What narrows and widens it -
walls, restricted clients, cover, handover, teams - is in [who-sees-what](who-sees-what.md).

Nobody sees a client a wall keeps her from, whatever her roles. A restricted client is seen only by those who work with
her. Nobody approves what she proposed. Several roles add up in what one may do; each lends its own sight only to what
it grants. What is marked * asks for a second factor not older than ten minutes."""


def show() -> Answer:
    """The table: one line a permission, one column a role."""
    roles = sorted(Role)
    granted = {p.value: [r.value for r in roles if p in GRANTS[r]] for p in sorted(Permission)}
    sees = {role.value: REACH[role].name.lower() for role in roles}
    lines = [_ABOUT, "", _line("", *roles), _line("---", *("---" for _ in roles))]
    lines.append(_line("clients she sees", *(_SEES[REACH[role]] for role in roles)))
    for permission in sorted(Permission):
        marks = ("yes" if permission in GRANTS[role] else "-" for role in roles)
        lines.append(_line(f"`{permission}`{' *' if permission in STEP_UP else ''}", *marks))
    return Answer({"sees": sees, "granted": granted, "step_up": sorted(STEP_UP)}, lines)


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"

"""The index over full names that a very large agency may switch on, and off again."""

import time
from functools import partial
from uuid import UUID

from api.cli.house import House, open_house
from api.cli.say import PROGRAM, Answer, bar
from models import search

PATIENCE = 0.05  # seconds between two looks whether older transactions have ended


def build_index(agency: str) -> Answer:
    """Build a version from the names there are, while the service goes on, and ask it from then on."""
    with open_house() as house:
        agency_id = house.agency(agency).agency_id
        counted = search.Counted(frozenset())
        while counted.after is not None:
            counted = house.within(agency_id, partial(search.count_names, counted=counted))
        building = house.within(agency_id, partial(search.begin_index, counted=counted))
        _await_writers(house, agency_id)
        with bar("Putting names into buckets", building.left) as done:
            while batch := house.within(agency_id, partial(search.index_batch, version=building.version)):
                done(batch)
        index = house.within(agency_id, partial(search.complete_index, version=building.version))
    data = {"agency": str(agency_id), "version": index.version, "buckets": 1 << index.bits}
    line = f"Full names are looked up in version {index.version} of the index, of {1 << index.bits} buckets"
    return Answer(data, [f"{line}. Take it away with: {PROGRAM} search index --agency {agency_id} --off"])


def drop_index(agency: str) -> Answer:
    """Take the index away; every search looks at all names again."""
    with open_house() as house:
        agency_id = house.agency(agency).agency_id
        gone = house.within(agency_id, search.drop_index)
    said = f"The index is gone, with {gone} entries" if gone else "There is no index"
    return Answer({"agency": str(agency_id), "entries_deleted": gone}, [f"{said}. Every search looks at all names"])


def _await_writers(house: House, agency_id: UUID) -> None:
    """Whoever was writing a name before the version was there has to end first: she does not know of it."""
    _, following = house.within(agency_id, search.under_way)
    while house.within(agency_id, search.under_way)[0] < following:
        time.sleep(PATIENCE)

"""What a process knows of the way to its people: where links begin, and whom to wake when a mail waits."""

from collections.abc import Callable


class Post:
    """Set by whoever opens the database. `origin` is the beginning of links, such as https://desk.agency.example;
    `wake` is called after the commit that queues a mail and must not wait. Without it no mail is sent from here."""

    def __init__(self) -> None:
        self.origin = ""
        self.wake: Callable[[], object] | None = None

    @property
    def sends(self) -> bool:
        """Whether mail is sent. If not, links are shown to whoever asks for them, and nothing is queued."""
        return self.wake is not None

    def link(self, page: str, token: str) -> str:
        """A link to a page; the token stands behind the #, which no browser sends to a server."""
        return f"{self.origin}/{page}#{token}"

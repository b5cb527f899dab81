"""What is counted for Prometheus: numbers by route, never by person."""

from functools import cache
from typing import Any

from prometheus_client import Counter, Gauge, Histogram, Info

REQUESTS = Counter("waypost_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "waypost_request_seconds",
    "Time to answer.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
LIMITED = Counter("waypost_rate_limited_total", "Requests refused by a rate limit.", ["policy"])
CHECKPOINTS = Counter("waypost_checkpoints_total", "Checkpoints handed to a sink.", ["sink", "outcome"])
ALARMS = Counter("waypost_alarms_total", "Alarms raised.", ["kind"])
UNSENT = Counter("waypost_alarms_unsent_total", "Alarms that could not be posted to WAYPOST_ALARM_URL.")
MAILS = Counter("waypost_mails_total", "Mails handed to the mail server, put back, or given up.", ["outcome"])
WAITING = Gauge("waypost_lane_waiting", "Requests waiting for the database.")
PROCESS = Info("waypost_process", "The server process these numbers are of: there may be several.")


METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


@cache
def _counted(method: str, template: str, status: int) -> tuple[Any, Any]:
    return REQUESTS.labels(method, template, status), SECONDS.labels(method, template)


def answered(method: str, template: str, status: int, seconds: float) -> None:
    """Count one answer. Templates come from the route table, and methods nobody declared are one: nobody who asks for
    odd things makes the numbers grow."""
    count, took = _counted(method if method in METHODS else "other", template, status)
    count.inc()
    took.observe(seconds)

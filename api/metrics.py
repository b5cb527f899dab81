"""What is counted for Prometheus: numbers by route, never by person."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("waypost_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "waypost_request_seconds",
    "Time to answer.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
WAITING = Gauge("waypost_lane_waiting", "Requests waiting for the database.")

"""Alarms: a line in the log, a number for Prometheus, and a POST to whoever is to be called."""

import http.client
import queue
import ssl
import threading
from urllib.parse import urlsplit

import orjson

from api.log import logger
from api.metrics import ALARMS, UNSENT
from models.watch import Alarm

PAUSES = (0.0, 1.0, 5.0, 30.0)  # seconds before each try to post an alarm
PATIENCE = 5.0  # seconds for one try, and for what is still waiting when the process ends
MOST = 1_000  # alarms that may wait for a receiver that is away; more are only logged and counted


class Alarms:
    """Tells alarms; never waits, never fails. The thread that posts begins with the first alarm, and only with a URL
    (api/settings.py lets in https alone, and http to this machine). Redirects are not followed, proxies not asked."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._waiting: queue.Queue[bytes | None] = queue.Queue(MOST)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._ending = threading.Event()

    def tell(self, alarm: Alarm) -> None:
        """Log, count and post one alarm: ids and a kind, never a name."""
        agency, actor, at = str(alarm.agency_id), str(alarm.actor_id), alarm.at
        said = {"kind": alarm.kind, "agency": agency, "actor": actor, "request_id": alarm.request_id}
        logger().warning("alarm", **said, sequence=alarm.sequence)
        ALARMS.labels(alarm.kind).inc()
        if self._url is None:
            return
        try:
            self._waiting.put_nowait(
                orjson.dumps(said | {"sequence": alarm.sequence, "at": at}, None, orjson.OPT_UTC_Z)
            )
        except queue.Full:
            self._lost("queue full")
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._post_all, name="alarms", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Post what waits, for some seconds."""
        self._ending.set()
        if self._thread is not None:
            try:
                self._waiting.put_nowait(None)
            except queue.Full:
                return
            self._thread.join(PATIENCE)

    def _post_all(self) -> None:
        while (body := self._waiting.get()) is not None:
            self._post(body)

    def _post(self, body: bytes) -> None:
        failed = ""
        for pause in PAUSES:
            if pause and self._ending.wait(pause):
                break
            try:
                status = self._post_once(body)
            except (OSError, http.client.HTTPException) as error:
                failed = type(error).__name__
            else:
                if 200 <= status < 300:
                    return
                failed = f"status {status}"
        self._lost(failed)

    def _post_once(self, body: bytes) -> int:
        parts = urlsplit(self._url or "")
        host = parts.hostname or ""
        if parts.scheme == "https":
            secure = ssl.create_default_context()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, parts.port, timeout=PATIENCE, context=secure
            )
        else:
            connection = http.client.HTTPConnection(host, parts.port, timeout=PATIENCE)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", target, body, {"content-type": "application/json", "user-agent": "Waypost"})
            return connection.getresponse().status
        finally:
            connection.close()

    @staticmethod
    def _lost(why: str) -> None:
        """The address is not logged: it may hold a secret."""
        UNSENT.inc()
        logger().error("alarm.unsent", error=why)

"""Alarms: a line in the log, a number for Prometheus, and a POST to whoever is to be called."""

import queue
import threading

import orjson

from api import webhook
from api.log import logger
from api.metrics import ALARMS, UNSENT
from models.watch import Alarm

PAUSES = (0.0, 1.0, 5.0, 30.0)  # seconds before each try to post an alarm
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
            self._thread.join(webhook.PATIENCE)

    def _post_all(self) -> None:
        while (body := self._waiting.get()) is not None:
            self._post(self._url or "", body)

    def _post(self, url: str, body: bytes) -> None:
        failed = ""
        for pause in PAUSES:
            if pause and self._ending.wait(pause):
                break
            try:
                webhook.post(url, body, "application/json")
            except ConnectionError as error:
                failed = str(error)
            else:
                return
        self._lost(failed)

    @staticmethod
    def _lost(why: str) -> None:
        """The address is not logged: it may hold a secret."""
        UNSENT.inc()
        logger().error("alarm.unsent", error=why)

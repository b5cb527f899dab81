"""Key services on this machine: moto for AWS KMS, and stand-ins for Google Cloud KMS and Vault that check a request as
the service would and really encrypt."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.key_services.aws import aws
from tests.key_services.gcp import gcp
from tests.key_services.http import StandIn
from tests.key_services.transit import vault


@contextmanager
def file(folder: Path) -> Iterator[StandIn]:
    """No service at all: the root key is in the file."""
    yield StandIn("file")


OPEN: dict[str, Callable[[Path], AbstractContextManager[StandIn]]] = {
    "file": file,
    "aws": aws,
    "gcp": gcp,
    "vault": vault,
}

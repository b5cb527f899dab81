"""What every mail says: that there is something, and where. Nothing else: whoever reads along must learn nothing."""

import secrets
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime

SUBJECT = {"en": "A message for you", "es": "Un mensaje para usted"}
BODY = {
    "en": "There is something for you in your work account:\n\n{link}\n",
    "es": "Hay algo para usted en su cuenta de trabajo:\n\n{link}\n",
}


def written(to: str, sender: str, link: str, language: str) -> EmailMessage:
    """A mail, whole, with the headers that have to be there. Not who wrote it, with what, or about what. The Message-ID
    is random, at the sender's domain. Raises ValueError for an address that would break out of its header."""
    spoken = language.partition("-")[0] if language.partition("-")[0] in SUBJECT else "en"
    message = EmailMessage(policy.SMTP)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = SUBJECT[spoken]
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{secrets.token_hex(16)}@{domain_of(sender)}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine answers it
    message.set_content(BODY[spoken].format(link=link), cte="7bit" if link.isascii() else "base64")
    return message


def domain_of(address: str) -> str:
    """What stands behind the @."""
    return address.rpartition("@")[2].rstrip(">")

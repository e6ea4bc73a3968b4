"""The reasons for which we say no, free of any protocol's codes.

A refusal carries two texts: ``client_text`` is safe to show to whoever asked, ``reason`` is for the log.
One table per protocol (``mailserver.smtp.replies``, ``mailserver.imap.grammar.responses``) maps the class to
its codes.  Anything that is raised and is not a refusal is a bug, and is answered as one.
"""

from __future__ import annotations


class Refusal(Exception):
    """A request that is understood and not granted."""

    default_text = "Request refused"

    def __init__(self, client_text: str = "", reason: str = "") -> None:
        self.client_text = client_text or self.default_text
        self.reason = reason or self.client_text
        super().__init__(self.reason)


class NoSuchMailbox(Refusal):
    default_text = "No such mailbox"


class MailboxExists(Refusal):
    default_text = "Mailbox already exists"


class NoSuchMessage(Refusal):
    default_text = "No such message"


class NoSuchRecipient(Refusal):
    default_text = "No such recipient here"


class NoLongerUsed(NoSuchRecipient):
    """An address that its owner has lost, while those who still know it are to be told."""

    default_text = "This address is no longer in use"


class OverQuota(Refusal):
    default_text = "Mailbox is full"


class NotPermitted(Refusal):
    default_text = "Not permitted"


class CannotDo(Refusal):
    """The operation can never succeed on this object (delete INBOX, a name with a control character)."""

    default_text = "This cannot be done"


class LimitReached(Refusal):
    default_text = "A limit was reached"


class SendingLimit(LimitReached):
    """The login has sent so much within an hour that no more is taken from it for now."""

    default_text = "Your login has sent too much within the last hour; try again later, or ask an administrator"


class Distrusted(Refusal):
    """Mail from outside that we do not believe: its sender's or author's domain, or a list, speaks against it."""

    default_text = "Message is not trusted here"


class Unwanted(Refusal):
    """A scanner found something in the message that nobody is to get."""

    default_text = "The message was refused for what is in it"


class Forged(Distrusted):
    """Nothing vouches for the author that the message names."""

    default_text = "Nothing shows that the message is from the author it names"


class TooLarge(Refusal):
    default_text = "Message is too large"


class MalformedMessage(Refusal):
    default_text = "Message is malformed"


class TryLater(Refusal):
    """Nothing is wrong with the request; we cannot serve it now (disk full, database locked)."""

    default_text = "Temporary failure, try again later"


class PutOff(TryLater):
    """We want to see the message again, or ask somebody else first."""

    default_text = "Try again later"

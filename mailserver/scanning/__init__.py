"""Scanners of other makers, asked over the network: ClamAV, rspamd, and whatever speaks the milter protocol.

Each protocol is a ``Conversation``: a generator that yields octets to send, or None when it wants to hear some.  So the
event loops, a thread of the webmail and the tests can hold the same conversation, over whatever carries it.
"""

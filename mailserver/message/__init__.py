"""Internet messages as values: octets in, structure, text and ready-made IMAP forms out; drafts and reports
the other way.

Nothing here touches a socket, a database or the clock.
"""

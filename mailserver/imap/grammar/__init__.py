"""IMAP's octets ⇄ values.  Pure: no session, no store, no clock."""

"""Proof of identity, transport security and tamper evidence; knows nothing of mail stores or staff."""

"""What becomes of a message: taken in, checked, put into mailboxes or into the spool, relayed, retried,
reported.
"""

"""What becomes of a message: taken in, put into mailboxes or the spool, relayed, retried, reported."""

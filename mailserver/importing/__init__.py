"""Bringing old mailboxes over: from mbox files, Maildirs and other IMAP servers, as often as it takes, once each."""

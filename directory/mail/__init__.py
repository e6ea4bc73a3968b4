"""What mail is sent to and kept for: accounts, their addresses, mailboxes of units, groups and aliases."""

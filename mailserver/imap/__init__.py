"""IMAP without a socket: grammar, sessions, and the commands they run on the store."""

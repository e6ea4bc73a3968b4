"""The staff directory as LDAPv3 shows it: octets, values, schema, entries, and a session without a socket."""

"""SMTP as values and as a conversation, with no socket: replies, command grammar, the octets of DATA, the
outbound client.
"""

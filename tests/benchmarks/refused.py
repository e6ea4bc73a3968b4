"""What the drivers raise when a server says no where it had to say yes."""


class RefusedByServer(RuntimeError):
    """NO, BAD, or another reply than the one hoped for; the text is the server's."""

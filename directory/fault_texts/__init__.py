"""What the directory's faults say, where there are many of a topic (``directory.faults`` has the rest)."""

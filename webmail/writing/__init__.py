"""Writing mail: letters, recipients, answers, and what waits to go."""

"""Files sent along: what they say, and how they look, taken out by a process that can do nothing else."""

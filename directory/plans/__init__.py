"""Reorganisations as plans: files that are checked, shown, approved by a second administrator, applied as a whole
on their day, and undone as a whole.

reading → resolution (against the directory of the eve) → effects (rows) → journal; ``life`` leads through it.
"""

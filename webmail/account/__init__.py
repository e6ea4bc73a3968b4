"""Whoever sits here: signing in, proving it once more, choices, programs, devices."""

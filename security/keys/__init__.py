"""Private keys at rest.

Every account has a key of its own, random, under which its private keys are wrapped; that key is wrapped under the
installation's.  So the installation's key can be changed without touching a private key, and an account's can be
wrapped under a second one, its owner's password, without touching the rest.
"""

"""S/MIME for people: what is said of signed and encrypted mail, and whom it can be written to.

What a signature is worth, and what comes out of an encryption, is ``security.cms``'s to say; private keys are used by
the key process, for the session of whoever reads or writes.  Nothing that was decrypted is kept: it lives as long as
the answer to one request.
"""

"""The city's certificate authority: what it issues, revokes and answers, as functions of values.

``profiles`` says what each kind of certificate holds, ``issuing`` makes them, ``revocation_lists`` and ``responder``
tell which of them are revoked, ``key_places`` finds the keys it signs with, in a file or a token, and ``pkcs12`` packs
what somebody takes along.  Who has which certificate is in the directory (``directory.pki.certificates``).

``local`` is another matter: a certificate for this server's own TLS, to begin with.
"""

from security.authority.local import CertificateFiles, ensure_certificate

__all__ = ["CertificateFiles", "ensure_certificate"]

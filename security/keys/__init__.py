"""Private keys: at rest, and in the hands of the one process that uses them.

At rest every account has a pair of keys (``sealing``).  Its private keys for mail are sealed to the pair's public half,
so that they can be made, renewed and brought along while nobody is there to open anything.  The pair's private half is
wrapped under its owner's password (``under_password``), under the installation's key (``wrapping``, or in a token:
``token``), or both.

In use they are behind a socket: ``client`` is what others see, ``wire`` what is said, ``directory.keys`` who answers.
"""

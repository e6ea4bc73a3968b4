"""What others see of this installation, and whether it is as it should be: ``citymail doctor``.

``names`` and ``policies`` ask the DNS (``security.dns.Asking``), ``certificate`` and ``machine`` look at files,
``ports`` at our own services, ``scanners`` at others'; all give verdicts, which ``texts`` puts into words.
``examination`` makes all of them.
"""

"""One transaction of SMTP, for tests of what is around it."""

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"
OPENING = b"MAIL FROM:<x@y.example>\r\nRCPT TO:<an@city.vn>\r\nDATA\r\n"


def transaction(talk):
    talk.send(OPENING)
    assert [talk.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
    talk.send(MESSAGE + b".\r\n")
    return talk.reply()

"""``python -m mailserver.cli``"""

from mailserver.cli.main import main

main()

"""The installation's settings: one commented TOML file, read once into frozen values.

Every section is a dataclass (``service``, ``protocols``; gathered in ``settings``).  A field's default, unit and
comment stand together, and ``render`` writes the commented file from the same fields, so that no option exists that
the file does not show.  ``load`` collects every mistake of a file, each named with its line, before it gives up.
"""

from mailserver.config.ldap import Ldap
from mailserver.config.options import MEBIBYTE, Network
from mailserver.config.protocols import Imap, Relay, Smtp
from mailserver.config.published import MtaSts
from mailserver.config.reading import ConfigFault, load
from mailserver.config.reception import Reception
from mailserver.config.reports import Reports
from mailserver.config.scanners import Scanners
from mailserver.config.sending import Sending
from mailserver.config.service import City, Listen, Log, Login, Storage, Tls, Webmail, Workers
from mailserver.config.settings import Config
from mailserver.config.smime import Smime
from mailserver.config.trust import Dns, Trust
from mailserver.config.writing import render

__all__ = [
    "MEBIBYTE",
    "City",
    "Config",
    "ConfigFault",
    "Dns",
    "Imap",
    "Ldap",
    "Listen",
    "Log",
    "Login",
    "MtaSts",
    "Network",
    "Reception",
    "Relay",
    "Reports",
    "Scanners",
    "Sending",
    "Smime",
    "Smtp",
    "Storage",
    "Tls",
    "Trust",
    "Webmail",
    "Workers",
    "load",
    "render",
]

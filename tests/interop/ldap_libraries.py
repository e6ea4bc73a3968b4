"""The same questions asked by python-ldap and by bonsai, for the system's Python, which has them from Debian.

/usr/bin/python3 ldap_libraries.py python-ldap|bonsai URL AUTHORITY NAME PASSWORD BASE     what was heard, as JSON
"""

from __future__ import annotations

import json
import sys


def by_python_ldap(url: str, authority: str, name: str, password: str, base: str) -> dict[str, object]:
    import ldap
    from ldap.controls import SimplePagedResultsControl
    from ldap.controls.sss import SSSRequestControl
    from ldap.controls.vlv import VLVRequestControl

    line = ldap.initialize(url)
    line.set_option(ldap.OPT_X_TLS_CACERTFILE, authority)
    line.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    heard: dict[str, object] = {}
    try:
        line.simple_bind_s(name, "falsch")
    except ldap.INVALID_CREDENTIALS:
        heard["refused"] = True
    line.simple_bind_s(name, password)
    heard["who"] = line.whoami_s()

    def mails(entries: list[tuple[str, dict[str, list[bytes]]]]) -> list[str]:
        return [values["mail"][0].decode() for _, values in entries]

    heard["part"] = sorted(mails(line.search_s(base, ldap.SCOPE_SUBTREE, "(cn=*guy*)", ["mail"])))
    pages = []
    control = SimplePagedResultsControl(True, size=2, cookie="")
    while not pages or control.cookie:
        number = line.search_ext(base, ldap.SCOPE_SUBTREE, "(cn=*van*)", ["mail"], serverctrls=[control])
        _, entries, _, (control,) = line.result3(number)
        pages.append(mails(entries))
        control.size = 2
    assert [len(page) for page in pages] == [2, 1], pages
    heard["paged"] = sorted(mail for page in pages for mail in page)
    controls = [SSSRequestControl(True, ["cn"]), VLVRequestControl(True, 0, 1, offset=2, content_count=0)]
    number = line.search_ext(f"ou=people,{base}", ldap.SCOPE_SUBTREE, "(cn=*)", ["mail"], serverctrls=controls)
    heard["view"] = mails(line.result3(number)[1])
    heard["compared"] = line.compare_s(name, "sn", "NGUYỄN"), line.compare_s(name, "sn", "Trần")
    line.unbind_s()
    return heard


def by_bonsai(url: str, authority: str, name: str, password: str, base: str) -> dict[str, object]:
    import bonsai

    client = bonsai.LDAPClient(url)
    client.set_ca_cert(authority)
    client.set_cert_policy("demand")
    heard: dict[str, object] = {}
    client.set_credentials("SIMPLE", name, "falsch")
    try:
        client.connect()
    except bonsai.AuthenticationError:
        heard["refused"] = True
    client.set_credentials("SIMPLE", name, password)
    with client.connect() as line:
        heard["who"] = line.whoami()
        heard["part"] = sorted(each["mail"][0] for each in line.search(base, 2, "(cn=*guy*)", ["mail"]))
        paged = line.paged_search(base, 2, "(cn=*van*)", ["mail"], page_size=2)
        heard["paged"] = sorted(each["mail"][0] for each in paged)
        view, _ = line.virtual_list_search(
            f"ou=people,{base}", 2, "(cn=*)", ["mail"], sort_order=["cn"], offset=2, after_count=1
        )
        heard["view"] = [each["mail"][0] for each in view]
    return heard


if __name__ == "__main__":
    library, *arguments = sys.argv[1:]
    print(json.dumps({"python-ldap": by_python_ldap, "bonsai": by_bonsai}[library](*arguments)))

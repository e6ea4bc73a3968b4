"""OpenLDAP's tools, ldap3, python-ldap, bonsai and Postfix's LDAP tables against a live directory."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # ldap3 uses names that pyasn1 is going to drop
    import ldap3

from directory.ldap.ber import Framer
from tests.directory.ldap_client import message, rfc4511, search_request
from tests.interop.programs import run
from tests.interop.test_logins import issue
from tests.live import DOMAIN, PASSWORD, LiveServer, free_ports

TOP = "dc=thanhpho,dc=example"
LOGIN = f"an@{DOMAIN}"
NAME = f"uid={LOGIN},ou=people,{TOP}"
BINARY_SEARCH = ("-x", "-LLL", "-o", "ldif-wrap=no")
CONFIDENTIALITY, SIZE, CRITICAL, UNWILLING, ACCESS, WRONG = 13, 4, 12, 53, 50, 49


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an authority of ours and a client's certificate lie."""
    folder = tmp_path_factory.mktemp("papers")
    issue(folder, "ours", LOGIN)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, papers: Path) -> Iterator[LiveServer]:
    plain, tls = free_ports(2)
    live = LiveServer(
        tmp_path_factory.mktemp("ldap"),
        ["an", "binh", "chi"],
        {
            "workers": {"web": 0},
            "listen": {"ldap": plain, "ldaps": tls},
            "ldap": {"start_tls": True, "max_connections_per_client": 40},
            "tls": {"client_authorities": str(papers / "ours.pem")},
        },
    )
    live.ports |= {"ldap": plain, "ldaps": tls}
    live.citymail("group", "add", f"toan.the@{DOMAIN}", "--name", "Toàn thể")
    live.citymail("group", "add-member", f"toan.the@{DOMAIN}", LOGIN, f"binh@{DOMAIN}")
    live.citymail("alias", "add", f"giam.sat@{DOMAIN}", LOGIN)
    live.start()
    yield live
    assert live.stop() == 0
    assert "Traceback" not in live.log_path.read_text(encoding="utf-8")


def tool(
    server: LiveServer,
    home: Path,
    program: str,
    *arguments: object,
    service: str = "ldaps",
    login: bool = True,
    status: int = 0,
    octets: bytes = b"",
    **environment: object,
) -> str:
    # its libldap takes "localhost" for the machine's own name
    where = ("-H", f"{service}://127.0.0.1:{server.ports[service]}")
    who = ("-D", NAME, "-w", PASSWORD) if login else ()
    settings = {"LDAPTLS_CACERT": str(server.ca_file), **{name: str(value) for name, value in environment.items()}}
    return run(program, *where, *who, *arguments, home=home, octets=octets, status=status, environment=settings)


def test_ldapsearch(server: LiveServer, tmp_path: Path) -> None:
    said = tool(server, tmp_path, "ldapsearch", *BINARY_SEARCH, "-b", TOP, "(cn=*guy*)", "mail")
    assert said.count("\ndn: ") + said.startswith("dn: ") == 3
    assert f"mail: giam.sat@{DOMAIN}" in said
    said = tool(server, tmp_path, "ldapsearch", *BINARY_SEARCH, "-b", TOP, "-z", 1, "(cn=*guy*)", "1.1", status=SIZE)
    assert said.count("dn: ") == 1
    paged = ("-E", "pr=2/noprompt", "-E", "sss=-cn")
    said = tool(server, tmp_path, "ldapsearch", *BINARY_SEARCH, *paged, "-b", TOP, "(objectClass=person)", "1.1")
    assert said.index("uid=chi") < said.index("uid=binh") < said.index("uid=an@")
    said = tool(server, tmp_path, "ldapsearch", *BINARY_SEARCH, "-E", "!1.2.3", "-b", TOP, "(cn=*)", status=CRITICAL)
    assert "dn: " not in said


def test_ldapsearch_views_a_list(server: LiveServer, tmp_path: Path) -> None:
    """As an address book that is opened in its middle, then somebody is typed, and then it is scrolled to its end."""
    options = ("-x", "-b", f"ou=people,{TOP}", "-E", "!sss=cn", "-E", "!vlv=0/0/2/3", "(objectClass=person)", "1.1")
    # it asks on until it is refused: of three there is no fourth
    typed = b"1/0:Chi\n2/0/3/3\n0/0/4/3\n"
    said = tool(server, tmp_path, "ldapsearch", *options, octets=typed, status=76)
    assert re.findall("dn: uid=(.*?)@", said) == ["binh", "binh", "chi", "an", "binh", "chi"]
    assert re.findall(r"pos=(\d+) count=(\d+)", said) == [("2", "3"), ("3", "3"), ("3", "3"), ("0", "0")]


def test_member_of(server: LiveServer, tmp_path: Path) -> None:
    group = f"mail=toan.the@{DOMAIN},ou=groups,{TOP}"
    said = tool(server, tmp_path, "ldapsearch", *BINARY_SEARCH, "-b", TOP, f"(memberOf={group})", "memberOf")
    assert sorted(re.findall("dn: uid=(.*?)@", said)) == ["an", "binh"]
    assert said.count(f"memberOf: {group}") == 2


def test_a_password_for_the_address_book_alone(server: LiveServer, tmp_path: Path) -> None:
    made = json.loads(server.citymail("mailbox", "app-password", "add", LOGIN, "Danh bạ", "--for", "ldap", "--json"))
    who = ("-D", LOGIN, "-w", made["password"])
    assert tool(server, tmp_path, "ldapwhoami", "-x", *who, login=False).strip() == f"dn:{NAME}"
    other = json.loads(server.citymail("mailbox", "app-password", "add", LOGIN, "Thư", "--json"))
    tool(server, tmp_path, "ldapwhoami", "-x", "-D", LOGIN, "-w", other["password"], login=False, status=WRONG)


def test_without_a_login(server: LiveServer, tmp_path: Path) -> None:
    for service in ("ldap", "ldaps"):
        said = tool(
            server, tmp_path, "ldapsearch", *BINARY_SEARCH, "-b", "", "-s", "base", "+", service=service, login=False
        )
        assert f"namingContexts: {TOP}" in said
        assert ("supportedSASLMechanisms: PLAIN" in said) is (service == "ldaps")
        assert ("supportedExtension: 1.3.6.1.4.1.1466.20037" in said) is (service == "ldap")
    arguments = (*BINARY_SEARCH, "-b", TOP, "(cn=*)")
    tool(server, tmp_path, "ldapsearch", *arguments, login=False, status=ACCESS)
    tool(server, tmp_path, "ldapsearch", *arguments, service="ldap", status=CONFIDENTIALITY)


def test_ldapwhoami(server: LiveServer, tmp_path: Path) -> None:
    assert tool(server, tmp_path, "ldapwhoami", "-x").strip() == f"dn:{NAME}"
    assert tool(server, tmp_path, "ldapwhoami", "-x", login=False).strip() == "anonymous"
    sasl = ("-Y", "PLAIN", "-U", LOGIN, "-w", PASSWORD, "-Q")
    assert tool(server, tmp_path, "ldapwhoami", *sasl, login=False).strip() == f"dn:{NAME}"
    tls = tool(server, tmp_path, "ldapwhoami", "-x", "-ZZ", service="ldap")
    assert tls.strip() == f"dn:{NAME}"


def test_a_certificate_logs_in(server: LiveServer, tmp_path: Path, papers: Path) -> None:
    external = ("-Y", "EXTERNAL", "-Q")
    shown = {"LDAPTLS_CERT": papers / "ours-client.pem", "LDAPTLS_KEY": papers / "ours-client.key"}
    for service, options in (("ldaps", ()), ("ldap", ("-ZZ",))):
        said = tool(server, tmp_path, "ldapwhoami", *external, *options, service=service, login=False, **shown)
        assert said.strip() == f"dn:{NAME}"
    # without one its own library knows that it cannot
    assert "no mechanism" in tool(server, tmp_path, "ldapwhoami", *external, login=False, status=250)


def test_ldapcompare(server: LiveServer, tmp_path: Path) -> None:
    assert "TRUE" in tool(server, tmp_path, "ldapcompare", "-x", NAME, "sn:NGUYỄN", status=6)
    assert "FALSE" in tool(server, tmp_path, "ldapcompare", "-x", NAME, "sn:Tran", status=5)


def test_nothing_is_written(server: LiveServer, tmp_path: Path) -> None:
    assert "citymail official remove" in tool(server, tmp_path, "ldapdelete", "-x", NAME, status=UNWILLING)


@contextlib.contextmanager
def speaking(client: ldap3.Connection) -> Iterator[ldap3.Connection]:
    """ldap3 leaves its socket open where the server was quicker to close."""
    client.open()
    line = client.socket
    try:
        yield client
    finally:
        client.unbind()
        line.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_ldap3(server: LiveServer) -> None:
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(server.ca_file))
    host = ldap3.Server("localhost", server.ports["ldaps"], use_ssl=True, tls=tls, get_info=ldap3.ALL)
    with speaking(ldap3.Connection(host, NAME, PASSWORD)) as client:
        assert client.bind()
        assert host.info.naming_contexts == [TOP]
        assert host.schema.attribute_types["cn"].ordering == ["citymailNameOrderingMatch"]
        assert host.schema.object_classes["inetOrgPerson"].superior == ["organizationalPerson"]
        assert client.extend.standard.who_am_i() == f"dn:{NAME}"
        found = client.extend.standard.paged_search(
            TOP, "(&(objectClass=person)(cn=*VAN*))", attributes=["cn", "mail"], paged_size=2, generator=False
        )
        assert sorted(each["attributes"]["mail"][0] for each in found) == [
            f"{login}@{DOMAIN}" for login in ("an", "binh", "chi")
        ]
        assert client.compare(NAME, "mail", f"giam.sat@{DOMAIN}")
        assert not client.delete(NAME)
    with speaking(ldap3.Connection(host, NAME, "falsch")) as refused:
        assert not refused.bind()
        assert refused.result["description"] == "invalidCredentials"


@pytest.mark.parametrize("library", ["python-ldap", "bonsai"])
def test_libraries(server: LiveServer, tmp_path: Path, library: str) -> None:
    """Of other hands: parts of names, pages, a view of the sorted list, comparison."""
    program = Path(__file__).with_name("ldap_libraries.py")
    url = f"ldaps://127.0.0.1:{server.ports['ldaps']}"
    heard = json.loads(
        run("/usr/bin/python3", program, library, url, server.ca_file, NAME, PASSWORD, TOP, home=tmp_path)
    )
    everybody = [f"{login}@{DOMAIN}" for login in ("an", "binh", "chi")]
    assert heard["refused"]
    assert heard["who"] == f"dn:{NAME}"
    assert heard["part"] == everybody
    assert heard["paged"] == everybody
    assert heard["view"] == everybody[1:]
    assert heard.get("compared", [True, False]) == [True, False]


def test_a_postfix_asks_for_aliases(server: LiveServer, tmp_path: Path) -> None:
    table = tmp_path / "aliases.cf"
    table.write_text(
        f"""\
server_host = ldaps://127.0.0.1:{server.ports["ldaps"]}
version = 3
tls_ca_cert_file = {server.ca_file}
tls_require_cert = yes
bind = yes
bind_dn = {NAME}
bind_pw = {PASSWORD}
search_base = {TOP}
query_filter = (mail=%s)
result_attribute = uid
special_result_attribute = member
""",
        encoding="utf-8",
    )

    def look_up(address: str, status: int = 0) -> list[str]:
        said = run("postmap", "-q", address, f"ldap:{table}", home=tmp_path, status=status)
        return sorted(said.strip().split(",")) if said.strip() else []

    assert look_up(f"giam.sat@{DOMAIN}") == [LOGIN]
    assert look_up(f"toan.the@{DOMAIN}") == [LOGIN, f"binh@{DOMAIN}"]
    assert look_up(f"nobody@{DOMAIN}", status=1) == []


def test_octets_that_are_no_ldap(server: LiveServer) -> None:
    for octets in (b"GET / HTTP/1.1\r\n\r\n", b"\x30\x80", b"\x30\x84\x7f\xff\xff\xff"):
        with socket.create_connection(("127.0.0.1", server.ports["ldap"]), timeout=20) as line:
            line.sendall(octets)
            heard = b""
            while piece := line.recv(4096):
                heard += piece
        assert b"1.3.6.1.4.1.1466.20036" in heard  # notice of disconnection


def test_connections_have_a_limit(server: LiveServer) -> None:
    """Counted over all processes; who goes makes room."""
    where = ("127.0.0.1", server.ports["ldap"])
    whoami = message(1, "extendedReq", _who_am_i())
    for _ in range(2):
        with contextlib.ExitStack() as lines:
            opened = [lines.enter_context(socket.create_connection(where, timeout=20)) for _ in range(40)]
            for line in opened:
                line.sendall(whoami)
                assert line.recv(4096).startswith(b"\x30")
            further = lines.enter_context(socket.create_connection(where, timeout=20))
            assert b"Too many connections" in further.recv(4096)
            for line in opened:
                line.sendall(message(2, "unbindRequest", rfc4511.UnbindRequest("")))
                assert line.recv(4096) == b""


def _who_am_i() -> Any:
    request = rfc4511.ExtendedRequest()
    request["requestName"] = rfc4511.RequestName("1.3.6.1.4.1.4203.1.11.3")
    return request


def test_a_slow_reader_is_waited_for(server: LiveServer) -> None:
    """Many searches at once, none of whose answers is read: all of them come in the end."""
    bind = rfc4511.BindRequest()
    bind["version"], bind["name"] = rfc4511.Version(3), NAME
    bind["authentication"] = rfc4511.AuthenticationChoice().setComponentByName("simple", rfc4511.Simple(PASSWORD))
    context = ssl.create_default_context(cafile=str(server.ca_file))
    count = 300
    with (
        socket.create_connection(("127.0.0.1", server.ports["ldaps"]), timeout=20) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as line,
    ):
        line.sendall(message(1, "bindRequest", bind))
        line.recv(4096)
        request = search_request("cn=subschema", scope="BASE", attributes=["+"])
        line.sendall(b"".join(message(number, "searchRequest", request) for number in range(2, count + 2)))
        framer, answers = Framer(1_000_000), 0
        while answers < 2 * count:
            piece = line.recv(65_536)
            assert piece
            framer.feed(piece)
            while framer.next() is not None:
                answers += 1

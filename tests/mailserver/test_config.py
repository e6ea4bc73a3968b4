"""The configuration file: every mistake named with its line, every option shown, kept and obeyed."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.config import Config, ConfigFault, load, render, writing

SECTIONS = {part.name: part.default_factory for part in fields(Config) if part.name != "path"}
OPTIONS = [(section, option.name) for section, made in SECTIONS.items() for option in fields(made)]  # type: ignore[arg-type]


def write(folder: Path, text: str) -> Path:
    path = folder / "citymail.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems_of(folder: Path, text: str) -> list[str]:
    """What ``load`` complains of, without the path before the line number."""
    path = write(folder, text)
    with pytest.raises(ConfigFault) as caught:
        load(path)
    found = caught.value.problems
    assert all(problem.startswith(f"{path}:") for problem in found)
    assert str(caught.value) == "\n".join(found)
    return [problem.removeprefix(f"{path}:") for problem in found]


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    config = load(write(tmp_path, ""))
    assert config == Config(path=(tmp_path / "citymail.toml").resolve())


def test_what_render_writes_without_values_is_all_defaults(tmp_path: Path) -> None:
    config = load(write(tmp_path, render()))
    assert config == Config(path=config.path)


def test_render_shows_every_option_with_its_comment() -> None:
    text = render()
    lines = text.splitlines()
    for section, made in SECTIONS.items():
        start = lines.index(f"[{section}]")
        end = next((n for n in range(start + 1, len(lines)) if lines[n].startswith("[")), len(lines))
        part = lines[start:end]
        for option in fields(made):  # type: ignore[arg-type]
            shown = [line for line in part if line.startswith(f"#{option.name} = ")]
            assert len(shown) == 1, option.name
            first_line = option.metadata["doc"].split("\n")[0]
            assert f"# {first_line}" in part, option.name


def test_the_defaults_that_are_shown_are_the_defaults(tmp_path: Path) -> None:
    """Whoever removes every '#' before a name changes nothing."""
    uncommented = []
    for line in render().splitlines():
        name = line.removeprefix("#").partition(" = ")[0]
        is_option = line.startswith("#") and any(name == option for _, option in OPTIONS)
        uncommented.append(line[1:] if is_option else line)
    config = load(write(tmp_path, "\n".join(uncommented)))
    assert config == Config(path=config.path)


NETWORKS = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(
    lambda address: ipaddress.ip_network((address, 8), strict=False)
)


def _values_of(section: str, option: str) -> st.SearchStrategy[Any]:
    """Any value that the option may have."""
    made = SECTIONS[section]
    assert made is not None
    about = next(each for each in fields(made) if each.name == option)  # type: ignore[arg-type]
    default, rules = getattr(made(), option), about.metadata  # type: ignore[operator]
    if isinstance(default, bool):
        return st.booleans()
    if isinstance(default, int):
        return st.integers(rules.get("low", 0), rules.get("high", 2**40))
    if option == "schedule":
        return st.lists(st.integers(1, 10**6), min_size=1).map(tuple)
    if option == "domains":
        return st.lists(st.sampled_from(["a.example", "xã-hội.example", "b-c.example"])).map(tuple)
    if option == "resolvers":
        return st.lists(st.sampled_from(["127.0.0.1", "127.0.0.1:5353", "::1", "[::1]:53"])).map(tuple)
    if option == "routes":
        targets = st.sampled_from(["mail.bo.example", "mail.bo.example:2525", "[2001:db8::1]:25"])
        return st.dictionaries(st.sampled_from(["bo.example", "xã.example"]), targets)
    if isinstance(default, Mapping):
        values = st.sampled_from(rules["choices"]) if "choices" in rules else _texts_of(rules)
        return st.dictionaries(st.sampled_from(["bo.example", "mail.xã.example:587"]), values)
    if isinstance(default, tuple):
        of_texts = get_type_hints(made)[option] == tuple[str, ...]
        each = st.sampled_from(rules["choices"]) if "choices" in rules else _texts_of(rules) if of_texts else NETWORKS
        return st.lists(each).map(tuple)
    if "choices" in rules:
        return st.sampled_from(rules["choices"])
    if "zone" in rules:
        return st.sampled_from(["Asia/Ho_Chi_Minh", "UTC", "Europe/Berlin"])
    return _texts_of(rules)


def _texts_of(rules: Mapping[str, Any]) -> st.SearchStrategy[str]:
    """Texts of the form that is asked for, or any."""
    if "form" not in rules:
        return st.text(st.characters(exclude_categories=["Cs"]))
    fitting = st.from_regex(rules["form"][0], fullmatch=True, alphabet=st.characters(exclude_categories=["Cs", "Cc"]))
    return st.one_of(st.just(""), fitting) if rules.get("empty") else fitting


# Values that are right only beside each other; their own tests are below.
TOGETHER = {
    ("tls", "certificate"),
    ("tls", "key"),
    ("tls", "client_authorities"),
    ("login", "oauth_issuer"),
    *(each for each in OPTIONS if each[0] == "listen"),
}


@pytest.mark.parametrize(("section", "option"), [each for each in OPTIONS if each not in TOGETHER])
@settings(max_examples=10)
@given(data=st.data())
def test_what_is_rendered_is_loaded_again(
    tmp_path_factory: pytest.TempPathFactory, section: str, option: str, data: st.DataObject
) -> None:
    value = data.draw(_values_of(section, option))
    path = write(tmp_path_factory.mktemp("config"), render({section: {option: value}}))
    loaded = getattr(getattr(load(path), section), option)
    assert (dict(loaded) if isinstance(value, dict) else loaded) == value


@pytest.mark.parametrize(
    ("section", "option", "value"),
    [
        ("city", "name", 'Thành phố "Hồ Chí Minh" \\ đặc khu'),
        ("city", "name", "hai\ndòng\tvà\x00\x7f"),
        ("relay", "routes", {"bộ.example": "mail.bo.example:25"}),
    ],
)
def test_odd_texts_survive(tmp_path: Path, section: str, option: str, value: object) -> None:
    config = load(write(tmp_path, render({section: {option: value}})))
    assert getattr(getattr(config, section), option) == value


WRONG: list[tuple[str, str]] = [
    ("[city]\ndomain = 7\n", "2: [city] domain: must be a text in quotes, not 7"),
    ('[city]\ndomain = "hai từ"\n', "2: [city] domain: must be a domain name, as thanhpho.example, not 'hai từ'"),
    (
        '[city]\n\ndomains = ["a.example", "@"]\n',
        "3: [city] domains: must be a domain name, as thanhpho.example, not '@'",
    ),
    ('[city]\ntimezone = "Asia"\n', "2: [city] timezone: must be a time zone, as Asia/Ho_Chi_Minh, not 'Asia'"),
    ('[city]\ntimezone = "../x"\n', "2: [city] timezone: must be a time zone, as Asia/Ho_Chi_Minh, not '../x'"),
    ('[city]\ndomains = "a.example"\n', "2: [city] domains: must be a list in brackets, not 'a.example'"),
    ("[imap]\nidle_minutes = 29\n", "2: [imap] idle_minutes: must be at least 30, not 29"),
    ("[listen]\nsmtp = 65536\n", "2: [listen] smtp: must be at most 65535, not 65536"),
    ('[listen]\nsmtp = "25"\n', "2: [listen] smtp: must be a whole number, not '25'"),
    ("[listen]\nsmtp = true\n", "2: [listen] smtp: must be a whole number, not True"),
    ("[listen]\nsmtp = 2.5\n", "2: [listen] smtp: must be a whole number, not 2.5"),
    ("[listen]\nimap = 25\n", "2: [listen] imap: 25 is the port of smtp already"),
    ("[relay]\nenabled = 1\n", "2: [relay] enabled: must be true or false, not 1"),
    ("[relay]\nschedule = []\n", "2: [relay] schedule: must name one at least"),
    ("[relay]\nschedule = [60, 0]\n", "2: [relay] schedule: must be at least 1, not 0"),
    ('[relay]\nschedule = [60, "90"]\n', "2: [relay] schedule: must be a whole number, not '90'"),
    (
        '[dns]\nresolvers = ["dns.example"]\n',
        "2: [dns] resolvers: must be an IP address or address:port, not 'dns.example'",
    ),
    ('[relay]\nsmarthost = "a:b:c"\n', "2: [relay] smarthost: must be host or host:port, not 'a:b:c'"),
    ('[relay]\nsmarthost = "a:65536"\n', "2: [relay] smarthost: must be host or host:port, not 'a:65536'"),
    (
        '[relay]\nroutes = ["bo.example"]\n',
        '2: [relay] routes: must be a table of texts, { "a" = "b" }',
    ),
    (
        '[relay.routes]\n"bo.example" = 25\n',
        '1: [relay] routes: must be a table of texts, { "a" = "b" }',
    ),
    (
        '[relay.routes]\n"bo.example" = "x:y"\n',
        "1: [relay] routes: must be host or host:port, not 'x:y'",
    ),
    ('[log]\nlevel = "loud"\n', "2: [log] level: must be one of debug, info, warning, error, not 'loud'"),
    (
        '[login]\nnever_slowed = ["10.0.0.1/8"]\n',
        "2: [login] never_slowed: '10.0.0.1/8' is not a network: 10.0.0.1/8 has host bits set",
    ),
    ("[login]\nnever_slowed = [10]\n", "2: [login] never_slowed: must be networks in quotes, not 10"),
    (
        '[storage]\ndatabase = "mysql://x"\n',
        "2: [storage] database: must be sqlite:///PATH or postgresql+psycopg://user:password@host/name,"
        " not 'mysql://x'",
    ),
    ('[tls]\ncertificate = "a.pem"\n', "2: [tls] certificate is named without a key"),
    ('[tls]\n# …\nkey = "a.key"\n', "3: [tls] key is named without a certificate"),
    ('[tls]\nclient_authorities = "a.pem"\n', "2: [tls] client_authorities is named without a certificate"),
    (
        '[login]\noauth_issuer = "https://sso.example"\noauth_audience = "citymail"\n',
        "2: [login] oauth_issuer is named without oauth_keys",
    ),
    ("[smpt]\nsmtp = 25\n", "1: unknown section [smpt]"),
    ("# …\nport = 25\n", "2: unknown key 'port'"),
    ("listen = 25\n", "1: 'listen' must be a section, [listen]"),
    (
        "[log]\nlevle = 'info'\n",
        "2: unknown key 'levle' in [log]; known: level, format",
    ),
    ("[log]\nlog.level = 'info'\n", "2: unknown key 'log' in [log]; known: level, format"),
    ("[log]\nlevel = warning\n", "2: Invalid value"),
    ("[log\n", "1: Expected ']' at the end of a table declaration"),
    ('[log]\nlevel = "info"\nlevel = "debug"\n', "3: Cannot overwrite a value"),
]


@pytest.mark.parametrize(("text", "problem"), WRONG, ids=[problem for _, problem in WRONG])
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    assert problems_of(tmp_path, text) == [problem]


@pytest.mark.parametrize(("section", "option"), OPTIONS)
def test_every_option_refuses_a_value_of_another_kind(tmp_path: Path, section: str, option: str) -> None:
    text = f"# a line\n[{section}]\n\n{option} = 1979-05-27\n"
    (problem,) = problems_of(tmp_path, text)
    assert problem.startswith(f"4: [{section}] {option}: must be ")


@pytest.mark.parametrize(("section", "option"), OPTIONS)
def test_every_limit_is_held(tmp_path: Path, section: str, option: str) -> None:
    made = SECTIONS[section]
    rules = next(each for each in fields(made) if each.name == option).metadata  # type: ignore[arg-type]
    default = getattr(made(), option)  # type: ignore[operator, misc]
    if isinstance(default, bool) or not isinstance(default, int):
        return
    assert "low" in rules, "a number without a lower limit takes -1"
    wrong = [rules["low"] - 1, *([rules["high"] + 1] if "high" in rules else [])]
    for value in wrong:
        (problem,) = problems_of(tmp_path, f"[{section}]\n{option} = {value}\n")
        assert problem.startswith(f"2: [{section}] {option}: must be at ")
    assert (
        getattr(getattr(load(write(tmp_path, f"[{section}]\n{option} = {rules['low']}\n")), section), option)
        == (rules["low"])
    )


def test_all_mistakes_are_named_at_once_in_order(tmp_path: Path) -> None:
    text = '[smtp]\nmax_hops = 1\n[nonsense]\nx = 1\n[city]\ndomain = 1\nnam = "x"\n[imap]\nidle_minutes = "x"\n'
    assert [problem.partition(":")[0] for problem in problems_of(tmp_path, text)] == ["2", "3", "6", "7", "9"]


def test_a_file_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "citymail.toml"
    path.write_bytes("[city]\nname = 'Thành phố'\n".encode("utf-16-le"))
    with pytest.raises(ConfigFault):
        load(path)
    path.write_bytes(b"[city]\nname = 'Th\xe0nh ph\xf4\x27\n")
    with pytest.raises(ConfigFault) as caught:
        load(path)
    assert caught.value.problems == [f"{path}:2: the file must be UTF-8"]


def test_a_file_that_is_not_there_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.toml")


def test_files_are_named_relative_to_the_configuration(tmp_path: Path) -> None:
    config = load(write(tmp_path, '[storage]\ndata = "here"\n'))
    assert config.data == tmp_path.resolve() / "here"
    assert config.resolve("tls/server.pem") == tmp_path.resolve() / "tls/server.pem"
    assert config.resolve("/etc/ssl/server.pem") == Path("/etc/ssl/server.pem")


def test_databases_default_to_the_data_folder_and_the_directory_to_the_database(tmp_path: Path) -> None:
    config = load(write(tmp_path, '[storage]\ndata = "here"\n'))
    assert config.store_url == f"sqlite:///{config.data}/mail.db"
    assert config.directory_url == f"sqlite:///{config.data}/directory.db"
    config = load(write(tmp_path, '[storage]\ndatabase = "postgresql+psycopg://u:p@h/n"\n'))
    assert config.store_url == config.directory_url == "postgresql+psycopg://u:p@h/n"
    config = load(
        write(
            tmp_path,
            '[storage]\ndatabase = "postgresql+psycopg://u:p@h/n"\ndirectory = "postgresql+psycopg://u:p@h/staff"\n',
        )
    )
    assert config.directory_url == "postgresql+psycopg://u:p@h/staff"


def test_every_option_is_documented_and_typed() -> None:
    """``render`` and ``load`` know a value by its type; one they do not know would be written wrongly."""
    for section, option in OPTIONS:
        made = SECTIONS[section]
        about = next(each for each in fields(made) if each.name == option)  # type: ignore[arg-type]
        assert about.metadata["doc"].endswith((".", "]", "}", '"', "name")), option
        assert writing._toml(getattr(made(), option))  # type: ignore[operator, misc]

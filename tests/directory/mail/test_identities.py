"""Identities: chosen, checked, and only for addresses that one writes from."""

from __future__ import annotations

import pytest

from directory.database import Directory
from directory.faults import Fault
from directory.mail import aliases, domains, identities, mailboxes
from directory.mail.accounts import account_by_login
from directory.mail.identities import Chosen, Identity, fitting, identities_of
from directory.staff import provisioning
from directory.words.names import split_name
from tests.directory.conftest import City, found_city

AN, BINH, OFFICE = "annv@city.gov.vn", "binhtt@city.gov.vn", "vanthu@city.gov.vn"


@pytest.fixture
def town(directory: Directory) -> City:
    city = found_city(directory)
    with city.directory.write() as conn:
        an, binh = city.join(conn, "Nguyễn Văn An"), city.join(conn, "Trần Thị Bình")
        assert (an.login, binh.login) == (AN, BINH)
        aliases.add_alias(conn, "test", "an.nguyen@city.gov.vn", AN)
        office = mailboxes.open_mailbox(conn, "test", address_text=OFFICE, name="Văn thư", unit_id=city.units["SYT"])
        mailboxes.grant(conn, "test", office.id, an.account_id)
    return city


def account_id(town: City, login: str) -> str:
    with town.directory.read() as conn:
        found = account_by_login(conn, login)
    assert found is not None
    return found.id


def keep(town: City, login: str, given: Chosen) -> None:
    with town.directory.write() as conn:
        identities.keep(conn, account_id(town, login), given)


def known(town: City, login: str) -> list[Identity]:
    with town.directory.read() as conn:
        return identities_of(conn, account_id(town, login))


def refusal(town: City, login: str, given: Chosen) -> str:
    with pytest.raises(Fault) as raised:
        keep(town, login, given)
    return raised.value.code


def test_each_address_has_one_and_nothing_need_be_chosen(town: City) -> None:
    own, alias, office = known(town, AN)
    assert [each.address for each in (own, alias, office)] == [AN, "an.nguyen@city.gov.vn", OFFICE]
    assert [each.name for each in (own, alias, office)] == ["Nguyễn Văn An", "Nguyễn Văn An", "Văn thư"]
    assert own.signature == own.known
    assert own.signature.splitlines()[::2] == ["Nguyễn Văn An", AN]
    assert office.signature.startswith("Văn thư\n")
    assert office.may_name_writer
    assert not own.may_name_writer


def test_what_is_chosen_is_kept_and_the_default_is_one_alone(town: City) -> None:
    keep(town, AN, Chosen(AN, "An – Sở Y tế", OFFICE, "An\r\n \r\nSở \0Y tế ", names_writer=True, is_default=True))
    keep(town, AN, Chosen(OFFICE, signature="", names_writer=True, is_default=True))
    first, own, _alias = known(town, AN)
    assert (first.address, first.signature, first.names_writer) == (OFFICE, "", True)
    assert (own.name, own.chosen.reply_to, own.signature) == ("An – Sở Y tế", OFFICE, "An\n\nSở Y tế")
    assert not own.names_writer  # nobody writes on behalf of himself
    assert not own.chosen.is_default


def test_an_address_with_a_detail_is_the_same(town: City) -> None:
    mine = known(town, AN)
    for address in ("ANNV+hop@City.gov.vn", AN):
        found = fitting(mine, address)
        assert found is not None
        assert found.address == AN
    assert fitting(mine, BINH) is None
    assert fitting(mine, "") is None


@pytest.mark.parametrize("address", [BINH, "la@noikhac.example", "", "annv+x@city.gov.vn"])
def test_nobody_has_one_for_an_address_that_is_not_his(town: City, address: str) -> None:
    assert refusal(town, AN, Chosen(address)) == "identity-not-own"


def test_the_right_that_ends_takes_the_identity_along(town: City) -> None:
    keep(town, AN, Chosen(OFFICE, is_default=True))
    with town.directory.write() as conn:
        mailboxes.revoke(conn, "test", account_id(town, OFFICE), account_id(town, AN))
    assert [each.address for each in known(town, AN)] == [AN, "an.nguyen@city.gov.vn"]
    assert refusal(town, AN, Chosen(OFFICE)) == "identity-not-own"


@pytest.mark.parametrize("name", ["binhtt@city.gov.vn", "An <binhtt＠city.gov.vn>", "@"])
def test_a_name_shows_no_address(town: City, name: str) -> None:
    assert refusal(town, AN, Chosen(AN, name)) == "identity-name-address"


@pytest.mark.parametrize(
    "name", ["Trần Thị Bình", "trần  thị bình.", "«Trần Thị Bình»", "Tra\u0302\u0300n Thị Bình", "văn thư"]
)
def test_a_name_is_no_colleagues(town: City, name: str) -> None:
    assert refusal(town, AN, Chosen(AN, name)) == "identity-name-taken"


def test_a_name_of_ones_own_may_say_more(town: City) -> None:
    keep(town, AN, Chosen(AN, "Nguyễn Văn An (Sở Y tế)"))
    keep(town, AN, Chosen(AN, "Nguyễn Văn An"))


def test_two_of_one_name_both_have_it(town: City) -> None:
    with town.directory.write() as conn:
        town.join(conn, "Nguyễn Văn An")
    keep(town, AN, Chosen(AN, "Nguyễn Văn An"))


def test_a_name_is_of_one_line_and_not_long(town: City) -> None:
    keep(town, AN, Chosen(AN, "An\u202e\r\nBcc: x"))
    assert known(town, AN)[0].name == "An Bcc: x"
    assert refusal(town, AN, Chosen(AN, "n" * 101)) == "text-long"


@pytest.mark.parametrize("reply_to", ["an@thuthu.example", "khong.co@city.gov.vn", "annv"])
def test_answers_stay_in_the_city(town: City, reply_to: str) -> None:
    assert refusal(town, AN, Chosen(AN, reply_to=reply_to)) == "identity-reply-to"


def test_another_primary_address_takes_along_what_was_chosen(town: City) -> None:
    keep(town, AN, Chosen(AN, "An – Sở Y tế"))
    with town.directory.write() as conn:
        domains.add_domain(conn, "test", "thanhpho.vn")
        provisioning.rename(conn, "test", AN, split_name("Nguyễn Văn An"), new_address="annv@thanhpho.vn")
    assert known(town, "annv@thanhpho.vn")[0].name == "An – Sở Y tế"

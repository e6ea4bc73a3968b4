"""Whatever `citymail … --help` shows stands in both languages: every command's help and every option's."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from string import Formatter

import click
import pytest

from mailserver.cli.phrases.click_itself import VIETNAMESE

# Help texts are decided when a command's module is imported: each language in a process of its own.
WALK = """
import json
import click
from mailserver.cli import main
def walk(command, path, context):
    told[" ".join(path)] = command.help
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option):
            told[" ".join((*path, parameter.opts[0]))] = parameter.help
    if isinstance(command, click.Group):
        lists.append(command.get_help(context).replace("[ARGS]...", ""))
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            walk(below, (*path, name), click.Context(below, parent=context, info_name=name))
told, lists = {}, []
walk(main, ("citymail",), click.Context(main, info_name="citymail"))
print(json.dumps([told, lists]))
"""


Told = dict[str, str | None]


def helped(language: str) -> Told:
    """Every help text by where it stands; no list of commands has cut one short."""
    done = subprocess.run(
        [sys.executable, "-c", WALK],
        env={**os.environ, "CITYMAIL_LANG": language},
        capture_output=True,
        text=True,
        check=True,
    )
    told, lists = json.loads(done.stdout)
    assert [cut for each in lists for cut in re.findall(r".*\.\.\.$", each, re.MULTILINE)] == []
    return dict(told)


@pytest.fixture(scope="module")
def english() -> Told:
    return helped("en")


@pytest.fixture(scope="module")
def vietnamese() -> Told:
    return helped("vi")


def test_every_command_and_option_says_what_it_is_for(english: Told, vietnamese: Told) -> None:
    assert list(english) == list(vietnamese)
    assert {"citymail queue hold --reason", "citymail ca escrow open --share", "citymail unit add"} <= set(english)
    assert [where for told in (english, vietnamese) for where, text in told.items() if not (text or "").strip()] == []


def test_in_both_languages(english: Told, vietnamese: Told) -> None:
    assert [where for where in english if english[where] == vietnamese[where]] == []


# What click says


def clicks_words() -> set[str]:
    """Every literal that click asks gettext for."""
    found = set()
    for path in Path(click.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "ngettext"):
                found |= {each.value for each in node.args if isinstance(each, ast.Constant)}
    return {each for each in found if isinstance(each, str)} | {"required"}  # this one by a variable


def test_what_click_says_is_said_with_the_same_values() -> None:
    assert set(VIETNAMESE) <= clicks_words()
    for english, vietnamese in VIETNAMESE.items():
        asked, given = ({name for _, name, _, _ in Formatter().parse(each) if name} for each in (english, vietnamese))
        assert given <= asked, english
        assert english.count("%(") == vietnamese.count("%("), english
        assert english != vietnamese


# what is typed → what is said of it
MISTAKES = {
    "queu": "Lỗi: Không có lệnh 'queu'. Có phải ý bạn là 'queue'?",
    "mailbox pasword": "'app-password', 'passwd'",
    "queue hold --sate held": "Không có tùy chọn '--sate'. Có phải ý bạn là '--state'?",
    "queue list --limit x": "Giá trị của '--limit' không hợp lệ: 'x' không phải là số hợp lệ.",
    "queue list --limit -1": "-1 không nằm trong khoảng x>=0.",
    "queue list --older-than 3x": "phải là số phút, giờ hoặc ngày: 30m, 4h, 2d",
    "queue list --state lost": "'lost' không phải một trong 'waiting'",
    "queue show": "Thiếu tham số 'ID'.",
    "queue show 1 2": "Thừa tham số (2)",
    "queue hold": "Hãy nêu số thư",
    "init": "Thiếu tùy chọn '--domain'.",
    "serve --config": "Tùy chọn '--config' cần một giá trị.",
    "serve --config khong.toml": "khong.toml: không có tệp này. Hãy tạo tệp cấu hình bằng `citymail init`.",
    "ca install khong.pem": "Giá trị của 'CERTIFICATE' không hợp lệ: 'khong.pem' không tồn tại.",
}
TYPE = """
import json, sys
from click.testing import CliRunner
from mailserver.cli import main
answers = [CliRunner().invoke(main, line.split()) for line in sys.argv[1:]]
print(json.dumps([(answer.exit_code, answer.stderr) for answer in answers]))
"""


def test_mistakes_are_told_in_vietnamese(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TYPE, *MISTAKES],
        env={**os.environ, "CITYMAIL_LANG": "vi"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    for (status, told), (line, said) in zip(json.loads(done.stdout), MISTAKES.items(), strict=True):
        assert status == 2, line
        assert said in told, line
        assert not re.search("Usage|Try|Error|Missing|Invalid|No such", told), line

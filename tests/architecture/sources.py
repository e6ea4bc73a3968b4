"""The repository as the architecture tests read it: its files, and our modules as syntax trees."""

from __future__ import annotations

import ast
import functools
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("security", "directory", "mailserver", "webmail")


@functools.cache
def repository_files() -> tuple[Path, ...]:
    """What is in the repository, or would be at the next commit: relative paths."""
    if not (ROOT / ".git").exists():  # an unpacked archive or an image: all but what is made by running
        made = {".venv", "build", "data", "node_modules", "__pycache__"}
        found = [path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file()]
        return tuple(path for path in found if not made & set(path.parts) and not path.parts[0].endswith("_cache"))
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    )
    names = listed.stdout.decode().split("\0")
    return tuple(Path(name) for name in sorted(set(names)) if name and (ROOT / name).is_file())


@functools.cache
def modules() -> tuple[Path, ...]:
    """Our modules, without migrations, which are never changed once they have run somewhere."""
    found = [path for path in repository_files() if path.suffix == ".py" and path.parts[0] in PACKAGES]
    return tuple(path for path in found if "versions" not in path.parts)


@functools.cache
def source(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(source(path))


def dotted_name(node: ast.expr) -> str:
    """``a.b.c`` of an attribute or a name; what is before a call or a subscript is left out."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))

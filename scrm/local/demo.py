"""How does the whole product start on one machine, and how does it stop?"""

import hashlib
import http.client
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from scrm.local import messages, ports, preflight, servers, web
from scrm.local.commands import signals_to, stop_now
from scrm.local.errors import LocalError
from scrm.local.processes import Child
from scrm.local.servers import Servers
from scrm.local.state import Json, State
from scrm.local.supervisor import Supervisor

SANDBOX_PORT = 8801
READY_SECONDS = 60.0
MIGRATED = "migrated.json"
APPS = ("scrm", "tenants", "contacts", "journeys", "campaigns", "analytics")


def run(state: State, project: Path) -> int:
    port = preflight.wanted_port()
    with signals_to(stop_now):
        try:
            _run(state, project, port)
        except KeyboardInterrupt:
            print("\nStopped. The data stays in", state.root)
    return 0


def _run(state: State, project: Path, port: int) -> None:
    began = time.monotonic()
    url = f"http://127.0.0.1:{port}"
    with servers.held(state, f"the demo at {url}"):
        preflight.check(state.root, port)
        with servers.running(state) as started:
            demo = Demo(started, project, port)
            try:
                demo.open()
                demo.greet(time.monotonic() - began)
                demo.supervisor.stay()
            finally:
                demo.supervisor.stop()


class Demo:
    def __init__(self, started: Servers, project: Path, port: int) -> None:
        self.servers = started
        self.state = started.state
        self.project = project
        self.port = port
        self.supervisor = Supervisor(started)
        self.answers = self.state.root / "demo.json"

    def open(self) -> None:
        sandbox_port = ports.choose(self.state, "sandbox", SANDBOX_PORT)
        self.servers.announce(
            base_url=f"http://127.0.0.1:{self.port}",
            wechat_base_url=f"http://127.0.0.1:{sandbox_port}",
        )
        ready = self.state.root / "sandbox.ready"
        ready.unlink(missing_ok=True)
        sandbox = self.python(
            *("sandbox", "-m", "scrm.sandbox", "--port", str(sandbox_port)),
            *("--ready-file", str(ready), "--state-file", str(self.state.root / "sandbox.json")),
        )
        self.supervisor.start(sandbox)
        messages.compile_all(self.project)
        if not self.is_migrated():
            self.migrate()
        self.supervisor.start(self.web())
        self.wait_until("The sandbox", ready.exists)
        if not self.answers.exists():
            # The sandbox calls the web server back while the first visitors scan.
            self.wait_until("The web server", self.answers_healthy)
            _say("Filling the demo …")
        self.supervisor.complete(
            self.python("seed", "manage.py", "seed_demo", "--output", str(self.answers))
        )
        self.wait_until("The web server", self.answers_healthy)
        self.supervisor.start(self.worker())
        self.supervisor.start(self.express())
        self.supervisor.start(self.beat())

    def is_migrated(self) -> bool:
        """This very code has migrated this very cluster before."""
        return bool(self.servers.cluster) and self.state.read(MIGRATED) == self._stamp()

    def migrate(self) -> None:
        _say("Preparing the database …")
        if self.state.read(MIGRATED).get("cluster") != self.servers.cluster:
            self.answers.unlink(missing_ok=True)  # of a database that is gone
        self.supervisor.complete(self.python("migrate", "manage.py", "migrate"))
        self.state.write(MIGRATED, self._stamp())

    def _stamp(self) -> Json:
        return {"cluster": self.servers.cluster, "code": _code(self.project)}

    def web(self) -> Child:
        return self.python("web", *web.command(self.port))

    def worker(self) -> Child:
        return self.python(
            *("worker", "-m", "celery", "-A", "scrm", "worker", "--concurrency", "2"),
            *("--loglevel", "INFO", "--without-gossip", "--without-mingle"),
        )

    def express(self) -> Child:
        """For what cannot wait behind bulk work: a welcome has 20 seconds."""
        return self.python(
            *("express", "-m", "celery", "-A", "scrm", "worker", "--concurrency", "4"),
            *("--queues", "welcome,urgent", "--hostname", "express@%h"),
            *("--loglevel", "INFO", "--without-gossip", "--without-mingle"),
        )

    def beat(self) -> Child:
        folder = self.state.root / "beat"
        folder.mkdir(exist_ok=True)
        return self.python(
            *("beat", "-m", "celery", "-A", "scrm", "beat", "--loglevel", "INFO"),
            *("--schedule", str(folder / "schedule"), "--pidfile", ""),
        )

    def python(self, name: str, *arguments: str) -> Child:
        # Who tries a script does not want to wait a minute for others to join its mass task.
        own = {"PYTHONUNBUFFERED": "1", "PORT": str(self.port), "TOUCH_GATHER_S": "5"}
        return Child(
            name,
            [sys.executable, *arguments],
            self.state.logs / f"{name}.log",
            environment={**self.servers.environment(), **own},
            folder=self.project,
        )

    def answers_healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def wait_until(self, what: str, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not is_so():
            self.supervisor.look_after()
            if time.monotonic() > deadline:
                raise LocalError(f"{what} did not answer; the logs are in {self.state.logs}.")
            time.sleep(0.05)

    def greet(self, seconds: float) -> None:
        known = json.loads(self.answers.read_text())
        _say(f"\nThe demo is open after {seconds:.0f} s: {self.servers.addresses['base_url']}/\n")
        for login in known.get("logins", []):
            place = login.get("url") or self.servers.addresses["base_url"]
            _say(
                f"  {login.get('role', ''):<10} {login['email']:<32} {login['password']}   {place}"
            )
        _say(f"\n  WeChat sandbox   {self.servers.addresses['wechat_base_url']}/")
        _say(f"  for scripts      {self.answers}")
        _say(f"  logs             {self.state.logs}\n\nCtrl-C stops everything; the data stays.")


def _code(project: Path) -> str:
    """Changes whenever code does that may change tables, policies or grants."""
    digest = hashlib.sha256((project / "requirements.txt").read_bytes())
    for app in APPS:
        for file in sorted((project / app).rglob("*.py")):
            digest.update(str(file.relative_to(project)).encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _say(line: str) -> None:
    print(line, flush=True)

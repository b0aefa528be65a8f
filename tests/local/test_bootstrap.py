"""Is the environment made when it is missing, left alone when it fits, and never thinned out?"""

import json
import shutil
import sys
from pathlib import Path

import pytest

from scrm.local import bootstrap


class Installed(list[str]):
    """The levels that were installed, in order; nothing is really installed."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "requirements.txt").write_text("one==1\n")
    (tmp_path / "requirements-dev.txt").write_text("one==1\ntwo==2\n")
    venv = tmp_path / ".venv"
    venv.mkdir()
    monkeypatch.setattr(bootstrap, "PROJECT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", venv)
    monkeypatch.setattr(bootstrap, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(bootstrap, "STAMP", venv / "installed.json")
    return tmp_path


@pytest.fixture
def installed(project: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    levels = Installed()
    monkeypatch.setattr(bootstrap, "install", levels.append)
    monkeypatch.setattr(bootstrap, "make_environment", lambda _: levels.append("venv"))
    return levels


def test_each_level_is_installed_once(installed: Installed) -> None:
    bootstrap.provide("run")
    bootstrap.provide("run")
    bootstrap.provide("dev")
    bootstrap.provide("dev")

    assert installed == ["run", "dev"]


def test_running_is_content_with_the_packages_of_tests(installed: Installed) -> None:
    bootstrap.provide("dev")
    bootstrap.provide("run")

    assert installed == ["dev"]


def test_a_changed_lock_installs_what_was_there_before(installed: Installed, project: Path) -> None:
    bootstrap.provide("dev")
    (project / "requirements-dev.txt").write_text("one==1\ntwo==3\n")
    bootstrap.provide("run")

    assert installed == ["dev", "dev"]


def test_a_copied_environment_is_made_anew(installed: Installed, project: Path) -> None:
    bootstrap.provide("run")
    stamp = json.loads(bootstrap.STAMP.read_text())
    bootstrap.STAMP.write_text(json.dumps({**stamp, "place": "/elsewhere/.venv"}))
    bootstrap.provide("run")

    assert installed == ["run", "venv", "run"]


def test_an_old_python_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(shutil, "which", lambda _: None)

    with pytest.raises(bootstrap.SetupError, match=r"3\.11 or newer is needed and .* is 3\.9"):
        bootstrap.find_python()


def test_an_old_python_finds_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    found = {"python3.12": "/opt/python3.12", "python3.11": "/opt/python3.11"}
    monkeypatch.setattr(shutil, "which", found.get)

    assert bootstrap.find_python() == "/opt/python3.12"


def test_too_little_is_said_as_a_sentence(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bootstrap.py", "run"])
    (project / "requirements.txt").unlink()

    assert bootstrap.main() == 1

    assert "No such file or directory" in capsys.readouterr().err

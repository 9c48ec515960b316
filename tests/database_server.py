"""A throw-away PostgreSQL server on loopback, from Debian's package."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

PLACES = Path("/usr/lib/postgresql")


def missing() -> str | None:
    """Why there can be no server here; None where there can."""
    if not list(PLACES.glob("*/bin/initdb")):
        return "PostgreSQL's server is not installed (Debian: apt-get install postgresql)"
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "psycopg is not installed (pip install 'compound-nas[postgres]')"
    if os.geteuid() == 0 and not shutil.which("runuser"):
        return "PostgreSQL will not run as root, and there is no runuser"
    return None


class DatabaseServer:
    """One cluster in a temporary folder; it can be stopped and started again."""

    def __init__(self) -> None:
        self._programs = max(PLACES.glob("*/bin/initdb")).parent
        # Not pytest's folder: the user `postgres` may not enter that.
        self._folder = Path(tempfile.mkdtemp(prefix="nas-postgres-", dir="/tmp"))
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        data = str(self._folder / "data")
        self._run("initdb", "-D", data, "-A", "trust", "-U", "nas", "--no-sync", "-E", "UTF8")
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://nas:secret@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        settings = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        log = str(self._folder / "log")
        self._control("start", "-o", settings, "-l", log)

    def stop(self) -> None:
        self._control("stop", "-m", "fast")

    def remove(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._control("stop", "-m", "immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _control(self, action: str, *more: str) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", action, *more)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        # Output to nowhere: the server would keep a pipe open for ever.
        quiet = subprocess.DEVNULL
        subprocess.run(command, check=True, stdout=quiet, stderr=quiet, cwd="/", timeout=240)

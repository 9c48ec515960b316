"""The URL after `--storage`: which kind of storage it names, with which driver, safe to show."""

from __future__ import annotations

import re

POSTGRES = re.compile(r"postgres(ql)?(?=:)")
# sqlite locks its whole file, so one driver is all it serves; a Redis journal has no heartbeats.
SINGLE_DRIVER = ("sqlite", "redis")
# Stands where a password was.
HIDDEN = "***"


def is_shared(url: str | None) -> bool:
    """Whether several drivers can work on the study behind a URL at once: a database server."""
    return url is not None and not url.startswith(SINGLE_DRIVER)


def driver_url(url: str) -> str:
    """The URL with the driver that the extra `postgres` installs, where it names none.

    SQLAlchemy would take psycopg2 for "postgresql://", which is not the one we install.
    """
    return POSTGRES.sub("postgresql+psycopg", url, count=1) if POSTGRES.match(url) else url


def shown_url(url: str) -> str:
    """The URL without its password."""
    bare = re.sub(r"(://[^:/@]*):[^@]*@", rf"\1:{HIDDEN}@", url)
    return re.sub(r"([?&]password=)[^&]*", rf"\1{HIDDEN}", bare)


def hides_password(url: str) -> bool:
    """Whether a URL is one as `shown_url` makes it: with a mark where its password was."""
    return f":{HIDDEN}@" in url or f"password={HIDDEN}" in url


def without_password(url: str) -> str:
    """A URL that `shown_url` made, for a driver that finds the password elsewhere (~/.pgpass)."""
    bare = url.replace(f":{HIDDEN}@", "@")
    return re.sub(rf"[?&]password={re.escape(HIDDEN)}", "", bare)


def missing_driver(url: str) -> str:
    """In one line, what to install for a URL whose driver is not there."""
    shown = shown_url(url)
    if url.startswith("postgres"):
        return (
            f"--storage {shown} needs a driver that is not installed; "
            "pip install 'compound-nas[postgres]'"
        )
    return (
        f"--storage {shown} needs a database driver that is not installed; "
        "install it (for MySQL: pip install pymysql, and write mysql+pymysql://...)"
    )

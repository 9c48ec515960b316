"""Writing files so that a reader never sees half of one.

Content goes to a neighbour with a temporary name, is flushed to disk and then renamed: a kill at
any moment leaves either the old file or the new one.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from nas.errors import WriteError


def write_bytes_atomic(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Write `content` to `path`, making its folder where it is absent.

    flush: False where a power failure may leave an empty file and a write must not take
    milliseconds; a kill still leaves the old file or the new one.
    A symbolic link at `path` stays a link: what it points to is replaced.
    Raises: WriteError, in one line, if the folder or the file cannot be written.
    """
    target = path.resolve()
    # The token keeps two writers of one file, threads or processes, from sharing a neighbour.
    neighbour = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with neighbour.open("xb") as stream:
                stream.write(content)
                stream.flush()
                if flush:
                    os.fsync(stream.fileno())
            neighbour.replace(target)
        except BaseException:
            neighbour.unlink(missing_ok=True)
            raise
        if flush:
            _sync_folder(target.parent)
    except OSError as error:
        raise _cannot_write(path, error) from None


def write_text_atomic(path: Path, text: str, *, flush: bool = True) -> None:
    """Write `text` as UTF-8, with the line ends it has; otherwise as `write_bytes_atomic`."""
    write_bytes_atomic(path, text.encode("utf-8"), flush=flush)


def make_folder(folder: Path) -> None:
    """Make `folder` and those above it; one that is there is left alone.

    Raises: WriteError, in one line, if it cannot be made or something else is in its place.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from None


def _cannot_write(path: Path, error: OSError) -> WriteError:
    reason = error.strerror or type(error).__name__
    return WriteError(f"cannot write {path}: {reason}; choose a place that you can write to")


def _sync_folder(folder: Path) -> None:
    # A rename is durable only once its folder is on disk. Some file systems cannot sync a folder;
    # the file itself is complete there all the same.
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)

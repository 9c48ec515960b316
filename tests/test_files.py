import os

import pytest

from nas.errors import WriteError
from nas.files import make_folder, write_bytes_atomic, write_text_atomic


def test_text_arrives_whole_and_its_folder_is_made(tmp_path):
    path = tmp_path / "a" / "b" / "note.txt"
    write_text_atomic(path, "größe\n")
    assert path.read_bytes() == "größe\n".encode()
    assert [entry.name for entry in path.parent.iterdir()] == ["note.txt"]


def test_an_old_file_is_replaced(tmp_path):
    path = tmp_path / "data"
    write_bytes_atomic(path, b"old")
    write_bytes_atomic(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_failure_leaves_the_old_file_and_no_neighbour(tmp_path, monkeypatch):
    path = tmp_path / "data"
    write_bytes_atomic(path, b"old")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match=r"cannot write .*data: No space left on device; choose"):
        write_bytes_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["data"]


def test_an_interruption_leaves_the_old_file_and_no_neighbour(tmp_path, monkeypatch):
    path = tmp_path / "data"
    write_bytes_atomic(path, b"old")

    def interrupt(_descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["data"]


def test_a_link_stays_a_link(tmp_path):
    real = tmp_path / "real"
    real.write_text("old")
    link = tmp_path / "link"
    link.symlink_to(real)
    write_text_atomic(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_a_file_in_the_folder_s_place_is_one_readable_line(tmp_path):
    blocker = tmp_path / "folder"
    blocker.write_text("in the way")
    for write in (
        lambda: write_text_atomic(blocker / "note.txt", "x"),
        lambda: write_text_atomic(blocker / "deeper" / "note.txt", "x"),
        lambda: make_folder(blocker),
    ):
        with pytest.raises(WriteError, match="cannot write") as caught:
            write()
        assert "\n" not in str(caught.value)
    assert blocker.read_text() == "in the way"


def test_a_folder_in_the_file_s_place_is_refused(tmp_path):
    (tmp_path / "note.txt").mkdir()
    with pytest.raises(WriteError, match=r"note\.txt"):
        write_text_atomic(tmp_path / "note.txt", "x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["note.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="permission bits do not bind root")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(WriteError, match="Permission denied"):
            write_text_atomic(tmp_path / "note.txt", "x")
    finally:
        tmp_path.chmod(0o700)

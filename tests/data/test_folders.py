"""Folders of images: what is read, and what ends in one line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nas.data.images import DataSet
from nas.data.opening import open_data
from nas.data.splitting import search_split
from nas.errors import DataError

Draw = Callable[..., Path]


def test_classes_labels_and_order_are_those_of_torchvisions_image_folder(folder: Path) -> None:
    datasets = pytest.importorskip("torchvision.datasets")
    ours = open_data(folder)
    assert ours.test is not None
    for part, images in (("train", ours.train), ("val", ours.test)):
        theirs = datasets.ImageFolder(folder / part)
        assert list(images.classes) == theirs.classes
        assert images.labels.tolist() == theirs.targets
        names = [images.name(index) for index in range(len(images))]
        assert names == [Path(path).relative_to(folder).as_posix() for path, _ in theirs.samples]
        for index in range(len(images)):
            assert np.array_equal(np.asarray(images.read(index)), np.asarray(theirs[index][0]))


def test_a_set_without_test_images_has_none(folder: Path) -> None:
    shutil.rmtree(folder / "val")
    data = open_data(folder)
    assert data.test is None
    assert (len(data.train), data.toy, data.notes) == (16, False, ())


@pytest.mark.parametrize("name", ["test", "valid", "validation"])
def test_test_images_may_be_called_differently(folder: Path, name: str) -> None:
    (folder / "val").rename(folder / name)
    test = open_data(folder).test
    assert test is not None
    assert test.name(0) == f"{name}/cat/0.png"


def test_of_two_folders_with_test_images_the_unused_one_is_named(folder: Path) -> None:
    shutil.copytree(folder / "val", folder / "test")
    data = open_data(folder)
    assert data.test is not None
    assert data.test.name(0).startswith("test/")
    assert data.notes == (f"{folder / 'val'} is not used: test has the test images",)


def test_imagenets_unlabelled_test_folder_is_passed_over(folder: Path, draw: Draw) -> None:
    draw("pets/test/0001.png")
    data = open_data(folder)
    assert data.test is not None
    assert data.test.name(0).startswith("val/")
    assert "it has no class folders" in data.notes[0]


def flat(folder: Path) -> DataSet:
    return open_data(folder / "train")


def test_class_folders_alone_are_split_the_same_way_every_time(folder: Path) -> None:
    data, again = flat(folder), flat(folder)
    assert data.test is not None
    assert (len(data.train), len(data.test)) == (13, 3)
    assert np.bincount(data.test.labels).tolist() == [2, 1]
    assert "of its 16 images 3 were set aside for testing" in data.notes[0]
    assert data.fingerprint == again.fingerprint
    train = {data.train.name(i) for i in range(13)}
    test = {data.test.name(i) for i in range(3)}
    assert len(train | test) == 16
    assert all(name.startswith(("cat/", "dog/")) for name in train | test)


def test_the_split_for_testing_keeps_duplicates_together(folder: Path) -> None:
    for number in range(8):
        for copy in "xyz":
            shutil.copy(
                folder / f"train/cat/{number}.png", folder / f"train/cat/{number}{copy}.png"
            )
    data = flat(folder)
    assert data.test is not None
    assert not set(data.train.content_hashes()) & set(data.test.content_hashes())


def test_files_that_are_no_images_by_name_are_counted_and_hidden_ones_are_not(
    folder: Path,
) -> None:
    (folder / "train/cat/notes.txt").write_text("fluffy")
    (folder / "train/cat/.DS_Store").write_text("")
    (folder / "train/.ipynb_checkpoints").mkdir()
    data = open_data(folder, strict=True)
    assert data.classes == ("cat", "dog")
    assert data.problems.found == {"other files": {"train/cat/notes.txt": ""}}
    assert data.problems.lines() == [
        "1 file without an image's name, not looked at: train/cat/notes.txt"
    ]


def test_a_link_in_a_circle_is_walked_once(folder: Path) -> None:
    (folder / "train/cat/again").symlink_to(folder / "train/cat", target_is_directory=True)
    assert len(open_data(folder).train) == 16


def add_class(folder: Path, part: str) -> None:
    (folder / part / "emu").mkdir()
    shutil.copy(folder / "train/cat/0.png", folder / part / "emu")


def empty_class(folder: Path) -> None:
    (folder / "train/emu").mkdir()


def one_class(folder: Path) -> None:
    shutil.rmtree(folder / "train/dog")


def no_images(folder: Path) -> None:
    shutil.rmtree(folder / "train")
    (folder / "train/cat").mkdir(parents=True)
    (folder / "train/cat/a.heic").write_bytes(b"x")


def no_classes(folder: Path) -> None:
    shutil.rmtree(folder / "train")
    (folder / "train").mkdir()


def loose_images(folder: Path) -> None:
    no_classes(folder)
    shutil.copy(folder / "val/cat/0.png", folder / "train")


def no_train_folder(folder: Path) -> None:
    shutil.rmtree(folder / "train")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (empty_class, "class 'emu' has no images: .*emu is empty; remove it or add images"),
        (one_class, "has one class only \\('cat'\\), and two are needed"),
        (lambda f: add_class(f, "train"), "class 'emu' of .* is in train but not in val"),
        (lambda f: add_class(f, "val"), "class 'emu' of .* is in val but not in train"),
        (
            no_images,
            "no images below .*train; 1 of the files there have .heic; nas reads .jpg, .jpeg",
        ),
        (no_classes, "train holds no class folders; needed is one folder of images per class"),
        (loose_images, "train holds images \\(1\\) but no class folders"),
        (no_train_folder, "has no train folder beside val"),
        (shutil.rmtree, "no file or folder '.*pets'; --data takes a folder of images"),
    ],
)
def test_what_is_no_data_set_is_one_line(
    folder: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(folder)
    with pytest.raises(DataError, match=message) as raised:
        open_data(folder)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pets/train/cat/0.png", "is a file that `nas data pack` has not written"),
        ("pets.tar.gz", "is an archive; unpack it and name the folder"),
    ],
)
def test_a_file_instead_of_a_folder_is_one_line(folder: Path, name: str, message: str) -> None:
    path = folder.parent / name
    path.touch()
    with pytest.raises(DataError, match=message):
        open_data(path)


def test_an_empty_file_of_another_kind_is_no_packed_file(tmp_path: Path) -> None:
    for content in (b"", b"short", b"\xff" * 100, (2).to_bytes(8, "little") + b"{}"):
        (tmp_path / "x.safetensors").write_bytes(content)
        with pytest.raises(DataError, match="has not written"):
            open_data(tmp_path / "x.safetensors")


def test_a_class_of_one_image_cannot_be_split(folder: Path) -> None:
    for number in range(1, 6):
        shutil.copy(folder / "train/dog/0.png", folder / f"train/dog/{number}.png")
    message = "class 'dog' has too few distinct images \\(1\\) to be split into two parts"
    with pytest.raises(DataError, match=message):
        search_split(open_data(folder).train)
    with pytest.raises(DataError, match=message):
        flat(folder)

"""Folders of images: `DIR/train/CLASS/*` with `DIR/test/CLASS/*`, or `DIR/CLASS/*`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from nas.data.decoding import EXTENSIONS
from nas.data.files import FileImages, hidden, image_files
from nas.data.images import DataSet
from nas.data.report import Problems
from nas.data.splitting import stratified
from nas.errors import DataError

TEST_FOLDERS = ("test", "val", "valid", "validation")
"""Where test images are looked for; the first that holds classes is taken."""

TEST_FRACTION = 0.2
SPLIT_SEED = 0

ARRANGEMENT = "one folder of images per class, in DIR/train (and DIR/test) or directly in DIR"


def open_folder(folder: Path, name: str, problems: Problems) -> DataSet:
    """The images of `folder`. Raises: DataError, in one line, if it is no data set."""
    if (folder / "train").is_dir():
        return _with_parts(folder, name, problems)
    if set(_folders(folder)) & set(TEST_FOLDERS) == set(_folders(folder)) != set():
        raise DataError(
            f"{folder} has no train folder beside {_folders(folder)[0]}; needed is {ARRANGEMENT}"
        )
    images = _class_folders(folder, "", problems)
    train, test = stratified(
        images.labels,
        images.content_hashes(),
        images.classes,
        fraction=TEST_FRACTION,
        seed=SPLIT_SEED,
        purpose="test",
    )
    note = (
        f"{name} has no train and test folders: of its {len(images):,} images {len(test):,} were "
        f"set aside for testing (stratified, seed {SPLIT_SEED}, the same every time)"
    )
    return DataSet(name, images.part(train), images.part(test), notes=(note,), problems=problems)


def _with_parts(folder: Path, name: str, problems: Problems) -> DataSet:
    train = _class_folders(folder, "train", problems)
    present = [part for part in TEST_FOLDERS if (folder / part).is_dir()]
    # ImageNet's test folder holds unlabelled images; then the labelled val is what can test.
    usable = [part for part in present if _folders(folder / part)]
    notes = [
        f"{folder / part} is not used: it has no class folders"
        for part in present
        if part not in usable
    ]
    notes += [
        f"{folder / part} is not used: {usable[0]} has the test images" for part in usable[1:]
    ]
    if not usable:
        return DataSet(name, train, None, notes=tuple(notes), problems=problems)
    test = _class_folders(folder, usable[0], problems)
    _same_classes(folder, usable[0], train, test)
    return DataSet(name, train, test, notes=tuple(notes), problems=problems)


def _same_classes(folder: Path, part: str, train: FileImages, test: FileImages) -> None:
    for here, there, classes, others in (
        ("train", part, train.classes, test.classes),
        (part, "train", test.classes, train.classes),
    ):
        lonely = sorted(set(classes) - set(others))
        if lonely:
            more = f" (and {len(lonely) - 1} more)" if len(lonely) > 1 else ""
            raise DataError(
                f"class '{lonely[0]}'{more} of {folder} is in {here} but not in {there}; "
                "both must have the same class folders"
            )


def _class_folders(folder: Path, part: str, problems: Problems) -> FileImages:
    """The classes below `folder/part`; names are paths below `folder`."""
    place = folder / part
    classes = _folders(place)
    if not classes:
        raise DataError(_nothing_there(place))
    paths: list[str] = []
    labels: list[int] = []
    counts, others = [], []
    for label, name in enumerate(classes):
        below = f"{part}/{name}" if part else name
        images, passed_over = image_files(place / name)
        counts.append(len(images))
        paths += [f"{below}/{path}" for path in images]
        labels += [label] * len(images)
        others += [f"{below}/{path}" for path in passed_over]
    loose = [entry.name for entry in place.iterdir() if _is_image(entry)]
    for path in (*others, *(f"{part}/{name}" if part else name for name in sorted(loose))):
        problems.add("other files", path)
    if not paths:
        endings = Counter(Path(path).suffix.lower() or "no ending" for path in others)
        seen = "".join(
            f"; {count} of the files there have {e}" for e, count in endings.most_common(1)
        )
        raise DataError(f"no images below {place}{seen}; nas reads {', '.join(EXTENSIONS)}")
    if 0 in counts:
        empty = classes[counts.index(0)]
        raise DataError(
            f"class '{empty}' has no images: {place / empty} is empty; remove it or add images"
        )
    if len(classes) == 1:
        raise DataError(
            f"{place} has one class only ('{classes[0]}'), and two are needed; "
            f"the arrangement is {ARRANGEMENT}"
        )
    return FileImages(folder, tuple(classes), paths, np.array(labels, dtype=np.int64))


def _folders(place: Path) -> list[str]:
    return sorted(
        entry.name for entry in place.iterdir() if entry.is_dir() and not hidden(entry.name)
    )


def _is_image(entry: Path) -> bool:
    return not hidden(entry.name) and entry.name.lower().endswith(EXTENSIONS) and entry.is_file()


def _nothing_there(place: Path) -> str:
    loose = sum(_is_image(entry) for entry in place.iterdir())
    if loose:
        return f"{place} holds images ({loose}) but no class folders; needed is {ARRANGEMENT}"
    return f"{place} holds no class folders; needed is {ARRANGEMENT}"

"""Exact duplicates: between what trains and what tests, between classes, and within a class."""

from __future__ import annotations

from nas.data.images import DataSet
from nas.data.report import Problems


def report_duplicates(data: DataSet, report: Problems) -> None:
    """Find images with the same content and note each once, with the one it equals.

    Raises: DataError if `report` is strict and a test image is also a training image, or one
    image lies under two classes.
    """
    first: dict[str, tuple[str, int]] = {}
    for index, content in enumerate(data.train.content_hashes()):
        name, label = data.train.name(index), int(data.train.labels[index])
        _note(report, first.setdefault(content, (name, label)), name, label)
    if data.test is None:
        return
    tested: dict[str, tuple[str, int]] = {}
    for index, content in enumerate(data.test.content_hashes()):
        name, label = data.test.name(index), int(data.test.labels[index])
        _note(report, tested.setdefault(content, (name, label)), name, label)
        if content in first:
            report.add("in train and test", name, f"equals {first[content][0]}")


def _note(report: Problems, earlier: tuple[str, int], name: str, label: int) -> None:
    if earlier[0] != name:
        kind = "duplicate" if earlier[1] == label else "in two classes"
        report.add(kind, name, f"equals {earlier[0]}")

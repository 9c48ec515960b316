"""Trainings by the list: none twice, none lost, failures tried again but not for ever."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import fit_toys
import pytest

from nas.errors import EvaluationError
from nas.evaluators.base import Accuracy
from nas.search_spaces.mbconv import MBConvSpace
from nas.searching.ledger import Ledger
from nas.searching.loop import LOST_FAILURES, give_up_if_hopeless
from nas.space import random_network
from nas.spec import ArchSpec
from nas.trainings import MAX_ATTEMPTS, Training, Trainings
from nas.workers import WorkerSettings


def trainings(folder: Path, evaluator: str = "fit_toys:Wide") -> Trainings:
    return Trainings(WorkerSettings(evaluator, MBConvSpace(), 0, folder), folder)


def network(number: int) -> ArchSpec:
    return dataclasses.replace(random_network(MBConvSpace(), number)[0], resolution=32)


def test_what_is_done_is_found_again_with_any_seed(tmp_path: Path) -> None:
    wanted = [Training(network(n), seed) for n in range(3) for seed in (0, 3_000_000_000)]
    first = trainings(tmp_path)
    told: list[tuple[int, int]] = []
    first.run([*wanted, wanted[0]], 1, lambda done, count: told.append((done, count)))
    assert told == [(n, 6) for n in range(1, 7)]
    again = trainings(tmp_path)
    assert again.answers == first.answers
    assert again.missing(wanted) == []
    assert again.missing([Training(network(0), 1)]) != []


def test_a_cut_record_loses_that_training_only(tmp_path: Path) -> None:
    wanted = [Training(network(n), 0) for n in range(3)]
    first = trainings(tmp_path)
    first.run(wanted, 1)
    journal = tmp_path / "study.journal"
    journal.write_bytes(journal.read_bytes()[:-10])
    again = trainings(tmp_path)
    assert again.missing(wanted) == [wanted[2]]
    again.run(wanted, 1)
    assert {k: a.accuracy for k, a in again.answers.items()} == {
        k: a.accuracy for k, a in first.answers.items()
    }


def test_a_failure_is_tried_again_by_the_next_commands_only(tmp_path: Path) -> None:
    one = Training(network(0), 0)
    for _ in range(MAX_ATTEMPTS):
        now = trainings(tmp_path, "fit_toys:Hopeless")
        assert now.missing([one]) == [one]
        now.run([one], 1)
        # Within one command it is over.
        assert now.missing([one]) == []
        assert now.answers[one.key].accuracy is None
        assert "out of luck" in now.answers[one.key].error
    assert trainings(tmp_path, "fit_toys:Hopeless").missing([one]) == []


def test_what_was_missing_and_is_back_is_used(tmp_path: Path) -> None:
    one = Training(network(0), 0)
    trainings(tmp_path, "fit_toys:Hopeless").run([one], 1)
    again = trainings(tmp_path, "fit_toys:Wide")
    again.run([one], 1)
    expected = fit_toys.Wide().evaluate(one.arch, seed=0)
    assert isinstance(expected, Accuracy)
    assert again.answers[one.key].accuracy == expected.value


def test_an_evaluator_that_stops_working_ends_the_search() -> None:
    class Finished:
        def __init__(self, number: int, error: str | None) -> None:
            self.user_attrs: dict[str, Any] = {"digest": str(number)}
            if error is not None:
                self.user_attrs["error"] = error

    ledger = Ledger()
    ledger.note(Finished(0, None))  # type: ignore[arg-type]
    for number in range(1, LOST_FAILURES):
        ledger.note(Finished(number, "the images have gone"))  # type: ignore[arg-type]
        give_up_if_hopeless(ledger, "train")
    ledger.note(Finished(LOST_FAILURES, "the images have gone"))  # type: ignore[arg-type]
    with pytest.raises(EvaluationError, match="in a row; the last time: the images have gone"):
        give_up_if_hopeless(ledger, "train")

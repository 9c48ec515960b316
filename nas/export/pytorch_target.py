"""`--to pytorch` and `--to weights`: the network's own names, as plain PyTorch or for `nas`."""

from __future__ import annotations

from pathlib import Path

from nas.export.plain_network import plain_source
from nas.export.subject import WEIGHTS_FILE, Subject
from nas.export.written import MODEL, WEIGHTS, Written, load_written, write_source

TOLERANCE = 1e-5


def write_pytorch(subject: Subject, folder: Path) -> Written:
    """One readable `model.py` and its weights, which `nas` reads too.

    Raises: ExportError naming a block kind that is a plug-in's.
    """
    write_source(folder, plain_source(subject.spec))
    _save(subject, folder / WEIGHTS)
    files = {
        MODEL: "the network: torch only; load() for these weights, build() for fresh ones",
        WEIGHTS: "its weights",
    }
    return Written(files, load_written(folder), TOLERANCE)


def write_weights(subject: Subject, folder: Path) -> Written:
    """A weight file for `nas eval`, `nas predict` and `nas train --from`."""
    from nas.training.weights import load_weights

    _save(subject, folder / WEIGHTS_FILE)
    network = load_weights(folder / WEIGHTS_FILE).network()
    return Written({WEIGHTS_FILE: "weights with their network, for nas"}, network, TOLERANCE)


def _save(subject: Subject, path: Path) -> None:
    from nas.training.weights import save_weights

    extra = dict(subject.metadata)
    if not subject.trained:
        extra["untrained"] = subject.weights
    names = subject.class_names
    if names is None:
        # The file needs a name for each output; these say that there is none.
        names = tuple(str(number) for number in range(subject.spec.classes))
        extra["unnamed"] = "true"
    save_weights(path, subject.network, names, extra=extra)

"""From what a person types after `--data` to a data set."""

from __future__ import annotations

from pathlib import Path

from nas.data.images import DataSet
from nas.data.report import Problems
from nas.errors import DataError

KINDS = "a folder of images, a CIFAR folder, a file of `nas data pack`, or `sample`"
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")


def open_data(name: str | Path, *, strict: bool = False) -> DataSet:
    """Open images by name: a folder, a CIFAR folder, a packed file, `sample` or `sample:px=64,…`.

    strict: the data set's `problems` raise at the first image that is odd.
    Raises: DataError, in one line, if there is no data set of that name.
    """
    typed, problems = str(name), Problems(strict)
    if typed == "sample" or typed.startswith("sample:"):
        from nas.data.sample import open_sample

        return open_sample(typed, problems)
    path = Path(typed).expanduser()
    try:
        return _open_path(path, typed, problems)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError(f"cannot read {error.filename or path}: {reason}") from None


def _open_path(path: Path, typed: str, problems: Problems) -> DataSet:
    if path.is_dir():
        from nas.data.cifar import find_cifar, open_cifar
        from nas.data.folders import open_folder

        cifar = find_cifar(path)
        if cifar is not None:
            return open_cifar(cifar, typed, problems)
        return open_folder(path, typed, problems)
    if not path.exists():
        raise DataError(f"no file or folder '{typed}'; --data takes {KINDS}")
    if path.suffix.lower() in _ARCHIVES:
        raise DataError(f"{typed} is an archive; unpack it and name the folder")
    from nas.data.packed import is_packed, open_packed

    if not is_packed(path):
        raise DataError(
            f"{typed} is a file that `nas data pack` has not written; --data takes {KINDS}"
        )
    return open_packed(path, typed, problems)

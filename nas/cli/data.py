"""`nas data info` and `nas data pack`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas.cli.options import json_option

if TYPE_CHECKING:
    from nas.data.inspection import Inspection

# A table of more classes than this says less than its extremes.
_MOST_ROWS = 40

strict_option = click.option(
    "--strict", is_flag=True, help="Stop at the first image that is odd, naming it."
)


@click.group("data")
def command() -> None:
    """Look at images, and pack them into one file that loads in seconds.

    DATA is a folder of images (DIR/train/CLASS/* with DIR/test or DIR/val, or DIR/CLASS/*), a
    folder of CIFAR-10 or CIFAR-100 as published (python or binary version), a file of
    `nas data pack`, or `sample` (drawn shapes; `sample:px=64,classes=4,images=512`).

    Both take --json; `nas data info --help` and `nas data pack --help` name the keys of --json.
    """


@command.command("info")
@click.argument("data")
@strict_option
@json_option
def info(data: str, strict: bool, as_json: bool) -> None:
    """Say what is in DATA: classes, counts, sizes, a resolution to train at, what is odd.

    Every image is decoded once, so that what is broken is known before a search.

    \b
    --json: name, toy, classes, train and test (images, per_class), width and height (smallest,
    median, largest), suggested_resolution, search_split (train, val, digest), problems (kind ->
    count, left_out, names), notes, fingerprint.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from nas.cli.output import print_json
    from nas.data.inspection import inspect
    from nas.data.opening import open_data

    found = inspect(open_data(data, strict=strict))
    if as_json:
        print_json(found.as_dict())
        return
    for line in _lines(found):
        click.echo(line)


@command.command("pack")
@click.argument("data")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="The file [DATA's name .safetensors]."
)
@click.option(
    "--px", type=click.IntRange(8), help="Make larger images this small (shorter side), for speed."
)
@strict_option
@json_option
def pack(data: str, out: Path | None, px: int | None, strict: bool, as_json: bool) -> None:
    """Write all of DATA's images into one file, for every command that takes --data.

    Without --px the images' bytes stay as they are, and the fingerprint too where all of them can
    be read. With --px they are encoded again: JPEG of quality 95, or PNG up to 64 px.

    \b
    --json: file, bytes, train, test, px, seconds, problems, fingerprint.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    import time

    from nas.cli.output import print_json
    from nas.data.duplicates import report_duplicates
    from nas.data.opening import open_data
    from nas.data.packing import pack as write
    from nas.units import format_bytes, format_duration

    started = time.monotonic()
    opened = open_data(data, strict=strict)
    target = out or _default_name(data, px)
    _keep_what_is_no_pack(target)
    report_duplicates(opened, opened.problems)
    packed = write(opened, target, px=px, report=opened.problems)
    seconds = time.monotonic() - started
    if as_json:
        print_json(
            {
                "file": str(target),
                "bytes": packed.bytes,
                "train": packed.train,
                "test": packed.test,
                "px": px,
                "seconds": round(seconds, 3),
                "problems": opened.problems.as_dict(),
                "fingerprint": open_data(target).fingerprint,
            }
        )
        return
    for line in (*opened.notes, *opened.problems.lines()):
        click.echo(line)
    click.echo(
        f"written: {target} ({packed.train:,} training and {packed.test:,} test images, "
        f"{format_bytes(packed.bytes)}, in {format_duration(seconds)})"
    )


def _default_name(data: str, px: int | None) -> Path:
    name = Path(data).expanduser().resolve().name.partition(":")[0]
    stem = name.removesuffix(".safetensors")
    return Path(f"{stem}-{px}px.safetensors" if px else f"{stem}.safetensors")


def _keep_what_is_no_pack(target: Path) -> None:
    from nas.data.packed import is_packed
    from nas.errors import WriteError

    if target.is_dir() or (target.exists() and not is_packed(target)):
        raise WriteError(f"{target} is there and is no packed file; choose another name with -o")


def _lines(found: Inspection) -> list[str]:
    data, test = found.data, found.test_counts
    tested = f"{sum(test):,} to test" if test is not None else "none to test"
    lines = [
        f"{data.name}: {len(data.classes)} classes, "
        f"{sum(found.train_counts):,} images to train, {tested}",
        *data.notes,
        "",
        *_class_lines(found),
        "",
        f"width {found.width.smallest} to {found.width.largest} px (median {found.width.median}), "
        f"height {found.height.smallest} to {found.height.largest} px "
        f"(median {found.height.median})",
        f"suggested resolution: {found.suggested_resolution} px",
    ]
    split = found.split
    if isinstance(split, str):
        lines.append(f"a search cannot divide the training images: {split}")
    else:
        lines.append(
            f"a search trains on {len(split.search_train):,} of the training images and judges "
            f"on {len(split.search_val):,} (seed 0, split {split.digest[:12]})"
        )
    lines += found.problems.lines() or ["every image can be read, and none is odd"]
    lines.append(f"fingerprint: {data.fingerprint}")
    return lines


def _class_lines(found: Inspection) -> list[str]:
    from nas.cli.output import format_table

    train, test = found.train_counts, found.test_counts
    order = list(range(len(train)))
    if len(order) > _MOST_ROWS:
        order.sort(key=lambda label: train[label])
        order = order[:3] + order[-3:]
    rows = [
        (found.data.classes[k], f"{train[k]:,}", "-" if test is None else f"{test[k]:,}")
        for k in order
    ]
    table = format_table(("class", "train", "test"), rows).splitlines()
    if len(train) > _MOST_ROWS:
        table.insert(0, f"the three smallest and the three largest of {len(train)} classes:")
    return table

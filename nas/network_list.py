"""Lists of networks in files: CSV or JSON lines, in the forms that tools write them.

A row holds a network in one of these forms, tried in this order:
- `spec`: a network's JSON (an object, or its text in a CSV cell); or the row itself is one;
- `arch`: a reference name, a file or a run;
- one column for each parameter of the space ("stage0.expand"), or `params` with all of them; a
  space may know other column names (Accel-NASBench's e0, k0, l0, se0 for `mbconv`).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas.archs import find_network
from nas.errors import NasError, SpecError
from nas.space import HasColumnNames, SearchSpace
from nas.spec import ArchSpec
from nas.suggest import FixedSuggest

FORMATS = (".csv", ".jsonl")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a .csv or .jsonl file. Raises: SpecError naming file and line."""
    if path.suffix not in FORMATS:
        raise SpecError(f"{path} is neither .csv nor .jsonl; name a list of networks of that kind")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise SpecError(f"cannot read {path}: {reason}") from None
    if path.suffix == ".csv":
        rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(text), restkey=None))
        if any(None in row for row in rows):
            raise SpecError(f"{path}: a line has more cells than the header")
    else:
        rows = [_json_row(path, n, line) for n, line in enumerate(text.splitlines(), 1) if line]
    if not rows:
        raise SpecError(f"{path} holds no networks")
    return rows


def _json_row(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise SpecError(f"{path}, line {number}: not JSON ({error})") from None
    if not isinstance(row, dict):
        raise SpecError(f"{path}, line {number}: a row must be a JSON object")
    return row


def write_rows(path: Path, rows: list[dict[str, Any]]) -> str:
    """The rows in the form of `path`'s suffix, as text."""
    if path.suffix == ".jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def network_of(row: Mapping[str, Any], space: SearchSpace) -> ArchSpec:
    """The network that a row holds. Raises: NasError where it holds none."""
    if row.get("spec"):
        spec = row["spec"]
        return ArchSpec.from_json(spec) if isinstance(spec, str) else ArchSpec.from_dict(spec)
    if "stages" in row:
        return ArchSpec.from_dict(dict(row))
    if row.get("arch"):
        return find_network(str(row["arch"]))
    return space.sample(_TextSuggest(_parameters(row, space)))


def _parameters(row: Mapping[str, Any], space: SearchSpace) -> dict[str, Any]:
    params = dict(row)
    if isinstance(row.get("params"), dict):
        params = dict(row["params"])
    aliases = space.column_names() if isinstance(space, HasColumnNames) else {}
    return {aliases.get(name, name): value for name, value in params.items()}


class _TextSuggest(FixedSuggest):
    """Answers from a table, whose cells are text: "6", "6.0" and "True" are choices too."""

    def _answer(self, name: str, choices: tuple[Any, ...]) -> Any:
        if isinstance(self._recorded.get(name), str):
            text = self._recorded[name].strip()
            number = _number(text)
            for choice in choices:
                # A word is no number, and all of these would be equal.
                if text == str(choice) or (number is not None and number == _number(choice)):
                    return choice
        try:
            return super()._answer(name, choices)
        except NasError as error:
            raise type(error)(f"{error} (a row needs `spec`, `arch`, or every parameter)") from None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return {"true": 1.0, "false": 0.0}.get(str(value).lower())

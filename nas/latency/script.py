"""The stand-alone script: the files that measure, joined into one that imports nothing of nas."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

PARTS = (
    "timing",
    "machine",
    "program",
    "onnx_bytes",
    "torch_program",
    "runners",
    "work",
    "standalone",
)
"""In this order: each uses names of those before it only, when it is loaded."""


_HEADER = '''"""Measures latencies for `nas latency table --from`. Made by compound-nas; see --help.

Needs Python 3.10 or newer, numpy, and onnxruntime or torch.
"""

from __future__ import annotations
'''


def script_text() -> str:
    """The script's source."""
    joined = (f"\n# --- {part} ---\n\n{_without_own_imports(_source(part))}" for part in PARTS)
    return _HEADER + "".join(joined)


def _source(part: str) -> str:
    found = importlib.util.find_spec(f"nas.latency.{part}")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).read_text(encoding="utf-8")


def _without_own_imports(source: str) -> str:
    """`source` without its first docstring, `__future__` and imports of this package."""
    tree = ast.parse(source)
    lines: list[str | None] = list(source.splitlines())
    for node in [tree.body[0], *ast.walk(tree)]:
        own = isinstance(node, ast.ImportFrom) and (
            node.module == "__future__" or str(node.module).startswith("nas.")
        )
        if own or node is tree.body[0]:
            assert isinstance(node, ast.stmt)
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = None
    return "\n".join(line for line in lines if line is not None).strip() + "\n"

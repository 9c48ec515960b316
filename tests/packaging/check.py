"""Every way to install the package gives the same `nas`: wheel, sdist, editable, bare checkout.

Run by `make packaging`. Dependencies come from the environment that runs this; only the package
itself is installed, each time into a folder of its own, beside a user's own `search_spaces/`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
B0_FLOPS = 385_814_752
PROBE = """
import json, nas, nas.search_spaces, nas.scaling
print(json.dumps([module.__file__ for module in (nas, nas.search_spaces, nas.scaling)]))
"""


def run(*command: str | Path, cwd: Path, path: Path | None = None) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def check(how: str, work: Path, path: Path | None, inside: Path) -> None:
    """`nas` and its two outlying folders come from `inside`, and B0 has its FLOPs."""
    files = [
        Path(f).resolve() for f in json.loads(run(sys.executable, "-c", PROBE, cwd=work, path=path))
    ]
    foreign = [file for file in files if not file.is_relative_to(inside.resolve())]
    if foreign:
        sys.exit(f"{how}: imported {foreign[0]}, expected it inside {inside}")
    cost = run(
        sys.executable, "-m", "nas", "cost", "efficientnet-b0", "--json", cwd=work, path=path
    )
    flops = json.loads(cost)["flops"]
    if flops != B0_FLOPS:
        sys.exit(f"{how}: B0 has {flops} FLOPs, expected {B0_FLOPS}")
    print(f"{how}: ok")


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary)
        work = base / "work"
        (work / "search_spaces").mkdir(parents=True)
        (work / "search_spaces" / "__init__.py").write_text(
            "raise RuntimeError('the user\\'s own')\n"
        )
        source = base / "source"
        shutil.copytree(
            ROOT,
            source,
            ignore=shutil.ignore_patterns(".venv", ".git", "build", "*.egg-info", ".*_cache"),
        )
        run(
            sys.executable,
            "-m",
            "build",
            "--no-isolation",
            "--outdir",
            base / "dist",
            source,
            cwd=base,
        )
        (wheel,) = (base / "dist").glob("*.whl")
        (sdist,) = (base / "dist").glob("*.tar.gz")
        names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
        if {name for name in names if not name.endswith(".dist-info")} != {"nas"}:
            sys.exit(f"the wheel adds {sorted(names)} to site-packages; it must add `nas` alone")
        pip = (
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
        )
        for how, archive in (("wheel", wheel), ("sdist", sdist)):
            target = base / how
            run(*pip, "--target", target, archive, cwd=base)
            check(how, work, target, target)
        check("bare checkout", work, source, source)
        # The environment itself has the editable installation of this checkout.
        check("editable", work, None, ROOT)


if __name__ == "__main__":
    main()

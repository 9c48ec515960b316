"""What imports what: help and arithmetic answer at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "pandas", "optuna", "matplotlib", "scipy", "fvcore", "torchvision", "timm")


def loaded_by(code: str) -> set[str]:
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\n"
    script += "print('\\nLOADED', *sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.rpartition("LOADED")[2].split())


@pytest.mark.parametrize(
    "code",
    [
        "from nas.cli.main import main; main(['--help'])",
        "from nas.cli.main import main; main(['--version'])",
        "from nas.cli.main import main; main(['search', '--help'])",
        "from nas.cli.main import main; main(['cost', 'efficientnet-b0'])",
        "from nas.cli.main import main; main(['show', 'efficientnet-b0', '--diff', 'resnet-50'])",
        "from nas.cli.main import main; main(['plugins'])",
        "from nas.cli.main import main; main(['refs'])",
        "from nas.cli.main import main; main(['cost', 'densenet-121'])",
        "import nas, nas.spec, nas.cost, nas.space, nas.scaling.family, nas.search_spaces.mbconv",
    ],
)
def test_help_listing_and_counting_import_nothing_heavy(code: str) -> None:
    assert not loaded_by(code) & set(HEAVY)


def test_a_search_with_the_predictor_imports_no_torch() -> None:
    code = (
        "import tempfile; from nas.cli.main import main; "
        "main(['search', '-t', '400M', '--trials', '12', '--quiet', '--out', tempfile.mkdtemp()])"
    )
    assert not loaded_by(code) & {"torch", "pandas", "torchvision", "timm"}

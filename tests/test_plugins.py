import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nas.arithmetic import Cost
from nas.errors import NasError, PluginError
from nas.plugins import (
    evaluator_offers,
    load_evaluator,
    load_reward,
    load_space,
    reward_offers,
    space_offers,
)
from nas.spec import ArchSpec, HeadSpec, StageSpec, StemSpec


class Space:
    name = "small"

    def sample(self, suggest: Any) -> ArchSpec:
        channels = suggest.suggest_categorical("channels", (8, 16))
        return ArchSpec(StemSpec(8), (StageSpec("mbconv", channels, 1),), HeadSpec())


FINISHED = Space()


def make_space() -> Space:
    return Space()


class NoSample:
    name = "no-sample"


class Nameless:
    def sample(self, suggest: Any) -> None: ...


class NeedsMore:
    def __init__(self, folder: str) -> None:
        self.folder = folder


class RaisingName:
    sample = print

    @property
    def name(self) -> str:
        raise RuntimeError


class OwnError:
    def __init__(self) -> None:
        raise NasError("no licence file; write one")


class Evaluator:
    name = "mine"
    cheap = True

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def prepare(self, context: Any) -> None: ...

    def evaluate(self, arch: Any, *, seed: int) -> None: ...


JUDGE = Evaluator(3.0)


class Reward:
    name = "mine"

    def __init__(self, target_flops: int = 1) -> None:
        self.target_flops = target_flops

    def __call__(self, accuracy: float, cost: Cost) -> float:
        return accuracy * self.target_flops


REWARD = Reward(3)
NOT_A_SPACE = 7


def test_the_built_in_names_are_offered() -> None:
    assert "mbconv" in [offer.name for offer in space_offers()]
    assert "imagenet" in [offer.name for offer in evaluator_offers()]
    assert {"hard", "paper"} <= {offer.name for offer in reward_offers()}


@pytest.mark.parametrize("offer", space_offers(), ids=lambda offer: str(offer.name))
def test_every_built_in_space_loads_under_its_own_name(offer: Any) -> None:
    assert load_space(offer.name).name == offer.name


@pytest.mark.parametrize("name", ["hard", "paper"])
def test_built_in_rewards_take_the_target(name: str) -> None:
    reward = load_reward(name)(target_flops=100)
    assert reward.name == name
    assert reward(0.5, Cost(flops=100)) == 0.5


@pytest.mark.parametrize("attribute", ["Space", "FINISHED", "make_space"])
def test_a_space_is_a_class_a_factory_or_an_object(attribute: str) -> None:
    assert load_space(f"{__name__}:{attribute}").name == "small"


def test_an_evaluator_factory_passes_arguments_on() -> None:
    assert load_evaluator(f"{__name__}:Evaluator")(scale=2.0).scale == 2.0  # type: ignore[attr-defined]
    assert load_evaluator(f"{__name__}:JUDGE")().scale == 3.0  # type: ignore[attr-defined]


def test_a_reward_is_a_factory_of_the_target_or_an_object() -> None:
    assert load_reward(f"{__name__}:Reward")(target_flops=2)(1.0, Cost()) == 2.0
    assert load_reward(f"{__name__}:REWARD")(target_flops=2)(1.0, Cost()) == 3.0


@pytest.mark.parametrize(
    ("attribute", "reason"),
    [
        ("NoSample", "is no search space: NoSample has no sample()"),
        ("Nameless", "is no search space: Nameless has no name"),
        ("RaisingName", "is no search space: RaisingName has no name"),
        ("Evaluator", "is no search space: Evaluator has no sample()"),
        ("NOT_A_SPACE", "is no search space: int has no name, no sample()"),
        ("NeedsMore", "cannot be made: TypeError: NeedsMore.__init__() missing 1 required"),
    ],
)
def test_what_is_no_space_is_refused_with_what_it_lacks(attribute: str, reason: str) -> None:
    with pytest.raises(PluginError) as error:
        load_space(f"{__name__}:{attribute}")
    message = str(error.value)
    assert message.startswith(f"search space '{__name__}:{attribute}' {reason}")
    assert "\n" not in message


def test_an_error_that_the_plug_in_words_itself_is_kept() -> None:
    with pytest.raises(NasError, match=r"^no licence file; write one$"):
        load_space(f"{__name__}:OwnError")


def test_an_evaluator_that_lacks_its_parts_is_refused() -> None:
    factory = load_evaluator(f"{__name__}:Space")
    with pytest.raises(PluginError, match=r"has no cheap, no prepare\(\), no evaluate\(\)"):
        factory()


def test_listing_imports_neither_plug_in_nor_torch(tmp_path: Path) -> None:
    info = tmp_path / "loud-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: loud\nVersion: 1.0\n")
    groups = ("nas.spaces", "nas.evaluators", "nas.rewards", "nas.blocks")
    lines = [f"[{group}]\nloud = loud:Thing\n" for group in groups]
    (info / "entry_points.txt").write_text("".join(lines))
    (tmp_path / "loud.py").write_text("raise SystemExit('imported')\n")
    program = (
        "import sys\n"
        "sys.argv = ['nas', 'plugins']\n"
        "from nas.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'loud', 'torch', 'numpy', 'optuna', 'pandas', 'matplotlib', 'rich'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    root = Path(__file__).parents[1]
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": f"{root}:{tmp_path}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("loud 1.0") == len(groups)

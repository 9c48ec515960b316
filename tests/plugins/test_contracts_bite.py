"""Each claim of the contract tests fails for a plug-in that breaks it, and says what broke."""

import dataclasses
import itertools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from nas.arithmetic import Cost
from nas.blocks.mbconv import MBCONV, build_mbconv, mbconv_cost
from nas.errors import SpecError
from nas.evaluators.base import Accuracy, Score
from nas.spec import ArchSpec, HeadSpec, StageSpec, StemSpec
from nas.testing import check_block_kind, check_evaluator, check_reward, check_space


def network(**stage: Any) -> ArchSpec:
    settings = {"block": "mbconv", "channels": 16, "layers": 2} | stage
    return ArchSpec(StemSpec(8), (StageSpec(**settings),), HeadSpec(), resolution=32, classes=7)


class SoundSpace:
    name = "sound"

    def sample(self, suggest: Any) -> ArchSpec:
        kernel = suggest.suggest_categorical("stage0.kernel", (3, 5))
        return network(
            kernel=kernel, channels=suggest.suggest_int("stage0.channels", 8, 24, step=8)
        )

    def reference(self) -> ArchSpec:
        return network()

    def parameters(self, arch: ArchSpec) -> dict[str, Any] | None:
        stage = arch.stages[0]
        return {"stage0.kernel": stage.kernel, "stage0.channels": stage.channels}


def space(**changes: Callable[..., Any]) -> Any:
    """A space that is sound but for some methods."""
    return type("Unsound", (SoundSpace,), {"name": "unsound"} | changes)()


def sampled(sample: Callable[[Any], Any]) -> Any:
    """A space with this `sample` and no other powers."""
    return type("Unsound", (), {"name": "unsound", "sample": lambda _, ask: sample(ask)})()


def test_a_sound_space_passes() -> None:
    check_space(SoundSpace(), samples=6)


def forgetful() -> Callable[[Any], ArchSpec]:
    """Every call gives another network, as with a random source of its own."""
    count = itertools.count(1)
    return lambda ask: network(kernel=ask.suggest_categorical("k", (3, 5)), channels=next(count))


def renaming() -> Callable[[Any], ArchSpec]:
    count = itertools.count()
    return lambda ask: network(kernel=ask.suggest_categorical(f"kernel{next(count)}", (3, 5)))


def changing_choices(ask: Any) -> ArchSpec:
    if ask.suggest_categorical("deep", (False, True)):
        return network(layers=ask.suggest_categorical("layers", (3, 4)))
    return network(layers=ask.suggest_categorical("layers", (1, 2)))


def wrong_cost(ask: Any) -> ArchSpec:
    ask.suggest_categorical("kernel", (3, 5))
    return network(block=f"{__name__}:ONE_TOO_MANY")


def raising(ask: Any) -> ArchSpec:
    if ask.suggest_categorical("kernel", (3, 5)) == 5:
        raise KeyError("no such kernel")
    return network()


@pytest.mark.parametrize(
    ("unsound", "claim"),
    [
        (sampled(forgetful()), "the same answers give another network: stages"),
        (sampled(renaming()), "the same answers are asked under other names"),
        (sampled(changing_choices), "the choices of 'layers' change from"),
        (sampled(lambda ask: network()), "sample() asks nothing"),
        (sampled(lambda ask: ask.suggest_int("layers", 1, 2)), "sample() gives a int"),
        (sampled(lambda ask: ask.suggest_int("a name", 1, 2) and network()), "no path such as"),
        (sampled(lambda ask: ask.suggest_categorical("k", (1, True)) and network()), "distinct"),
        (sampled(lambda ask: ask.suggest_categorical("k", (b"x",)) and network()), "not all"),
        (sampled(wrong_cost), "block 0 of stage 0, kind"),
        (sampled(raising), "KeyError: 'no such kernel'"),
        (space(parameters=lambda self, arch: None), "does not recognise the space's own network"),
        (
            space(
                parameters=lambda self, arch: {"stage0.kernel": 3, "stage0.channels": 8},
            ),
            "parameters() gives {'stage0.kernel': 3",
        ),
        (space(reference=lambda self: None), "reference(): a NoneType"),
        (space(at_resolution=lambda self, px: None), "at_resolution(32): gives a NoneType"),
        (
            space(at_resolution=lambda self, px: sampled(lambda ask: network())),
            "at_resolution(32): asks other questions",
        ),
        (
            space(at_resolution=lambda self, px: SoundSpace()),
            "at_resolution(65): samples networks for 32 px",
        ),
        (type("Nameless", (SoundSpace,), {"name": ""})(), "Nameless.name must be a text"),
    ],
)
def test_an_unsound_space_fails_with_the_broken_claim(unsound: Any, claim: str) -> None:
    with pytest.raises(AssertionError) as error:
        check_space(unsound, samples=10, trained=0)
    assert claim in str(error.value)


def test_a_failure_names_the_parameters() -> None:
    with pytest.raises(
        AssertionError, match=r"^space 'unsound' with parameters \{'kernel': [35]\}"
    ):
        check_space(sampled(wrong_cost), samples=2, trained=0)


def build_idle(block: Any, norm: Any) -> Any:
    from torch import nn

    module = build_mbconv(block, norm)
    module.idle = nn.Parameter(module.project.norm.weight.new_zeros(3))
    return module


def build_unstrided(block: Any, norm: Any) -> Any:
    return build_mbconv(dataclasses.replace(block, stride=1), norm)


def refuse(block: Any) -> None:
    raise SpecError("never")


def one_more(**figure: int) -> Callable[[Any], Cost]:
    return lambda block: mbconv_cost(block) + Cost(**figure)


def growing(block: Any) -> Cost:
    return mbconv_cost(block) + Cost(flops=block.layer)


ONE_TOO_MANY = dataclasses.replace(MBCONV, cost=one_more(flops=1))
IDLE = dataclasses.replace(MBCONV, cost=one_more(params=3, weight_bytes=12), build=build_idle)


@pytest.mark.parametrize(
    ("changes", "claim"),
    [
        ({"cost": one_more(flops=1)}, r"flops \d+ by arithmetic, \d+ counted"),
        ({"cost": one_more(params=1)}, r"params \d+ by arithmetic"),
        ({"cost": one_more(activations=1)}, r"activations \d+ by arithmetic"),
        ({"cost": one_more(weight_bytes=1)}, r"weight_bytes \d+ by arithmetic"),
        ({"cost": growing}, r"layer 1 costs other than layer 4"),
        ({"build": build_unstrided}, r"stride 2.*: output \(16, 8, 8\), promised \(16, 4, 4\)"),
        ({"check": refuse}, "refuses every setting"),
        ({"cost": lambda block: None}, "AttributeError"),
    ],
)
def test_an_unsound_block_kind_fails_with_the_setting(changes: Any, claim: str) -> None:
    kind = dataclasses.replace(MBCONV, **changes)
    with pytest.raises(AssertionError, match=claim):
        check_block_kind(kind, sizes=(8,), kernels=(3,))


def test_a_weight_that_is_never_used_is_named() -> None:
    with pytest.raises(AssertionError, match="no gradient reaches idle"):
        check_block_kind(IDLE, sizes=(8,), kernels=(3,))
    idle = sampled(lambda ask: network(block=f"{__name__}:IDLE", kernel=ask.suggest_int("k", 3, 3)))
    with pytest.raises(AssertionError, match=r"no gradient reaches stages\.0\.0\.idle"):
        check_space(idle, samples=1)


class SoundEvaluator:
    name = "sound"
    cheap = True

    def prepare(self, context: Any) -> None: ...

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Any:
        return Accuracy(0.5, "a constant")


def evaluator(evaluate: Callable[..., Any] | None = None, **changes: Any) -> Any:
    if evaluate is not None:
        changes["evaluate"] = lambda self, arch, *, seed: evaluate(arch, seed)
    return type("Unsound", (SoundEvaluator,), {"name": "unsound"} | changes)()


def test_a_sound_evaluator_passes() -> None:
    check_evaluator(SoundEvaluator(), [network()])
    check_evaluator(evaluator(lambda arch, seed: Score(3.0, "x"), gives_scores=True), [network()])


def spoil(arch: ArchSpec, seed: int) -> Accuracy:
    object.__setattr__(arch, "name", arch.name + "x")
    return Accuracy(0.5, "x")


COUNT = itertools.count()


@pytest.mark.parametrize(
    ("unsound", "claim"),
    [
        (evaluator(lambda arch, seed: 0.7), "gives a float, neither Accuracy nor Score"),
        (evaluator(lambda arch, seed: Accuracy(77.1, "x")), "77.1"),
        (evaluator(lambda arch, seed: Accuracy(0.5, "")), "source is empty"),
        (evaluator(lambda arch, seed: Accuracy(0.5, "x", sd=-1)), "sd -1"),
        (evaluator(lambda arch, seed: Accuracy(0.5, "x", seconds=-1)), "seconds -1"),
        (evaluator(lambda arch, seed: Accuracy(1 / (2 + next(COUNT)), "x")), "again"),
        (evaluator(lambda arch, seed: Accuracy(1 / (2 + seed), "x")), "with another seed"),
        (
            evaluator(lambda arch, seed: Accuracy(0.5 if arch.name else 0.4, "x")),
            "under another name",
        ),
        (evaluator(spoil), "changes the network"),
        (evaluator(lambda arch, seed: Score(1.0, "x")), "gives_scores is False"),
        (evaluator(gives_scores=True), "gives_scores is True"),
        (evaluator(cheap="yes"), "cheap is 'yes'"),
        (evaluator(name=None), "Unsound.name is None"),
        (evaluator(prepare=lambda self, context: 1 / 0), "prepare(): ZeroDivisionError"),
    ],
)
def test_an_unsound_evaluator_fails_with_the_broken_claim(unsound: Any, claim: str) -> None:
    with pytest.raises(AssertionError) as error:
        check_evaluator(unsound, [network(), network(kernel=5)])
    assert claim in str(error.value)


def test_a_noisy_evaluator_that_says_so_passes() -> None:
    noisy = evaluator(lambda arch, seed: Accuracy(1 / (2 + next(COUNT)), "x"), cheap=False)
    check_evaluator(noisy, [network(), network(kernel=5)])


def reward(value: Callable[[float, Cost], Any]) -> Any:
    call = {"name": "unsound", "__call__": lambda self, accuracy, cost: value(accuracy, cost)}
    return type("Unsound", (), call)()


@pytest.mark.parametrize(
    ("unsound", "claim"),
    [
        (reward(lambda accuracy, cost: -accuracy), "below the"),
        (reward(lambda accuracy, cost: 1 / accuracy), "ZeroDivisionError"),
        (reward(lambda accuracy, cost: float("nan")), "must be a finite number"),
        (reward(lambda accuracy, cost: accuracy + next(COUNT)), "changes from call to call"),
    ],
)
def test_an_unsound_reward_fails_with_the_broken_claim(unsound: Any, claim: str) -> None:
    with pytest.raises(AssertionError) as error:
        check_reward(unsound)
    assert claim in str(error.value)
    assert str(error.value).startswith("reward 'unsound' at accuracy")


def test_importing_the_contract_tests_imports_no_torch() -> None:
    program = "import sys, nas.testing; assert not {'torch', 'optuna', 'pytest'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)

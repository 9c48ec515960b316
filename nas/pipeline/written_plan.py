"""A plan with comments, written from little: the images and the FLOPs target."""

from __future__ import annotations

import json

from nas.errors import ConfigError

QUICK_DATA = "sample:px=16,classes=4,images=64,test=32"
QUICK_FLOPS = "2M"

_HEAD = """\
# A plan for `nas run`: every table is a stage, and they run in this order. Take a stage out by
# deleting its table. The keys of a table are the options of the stage's command by their own names
# (`nas search --help`); paths are relative to the folder that `nas run` is first started in.
"""

_TOY_HEAD = """\
# A quick plan: it tries every stage in minutes, on few images and with trainings far too short to
# mean anything. Its results are a toy's.
"""

_SHARED = """
data = {data}  # the images, for every stage that takes some
# device = "cuda"  # every stage; unless told, the best there is
# workers = 4  # search, trust and fit-scaling: networks trained at a time, one GPU each
# seed = 0
"""

_SEARCH = """
[search]  # nas search: the most accurate network at or below the target
target-flops = {flops}
# space = "mbconv-elastic"
# trials = 60  # networks that are trained
# epochs = 15  # of one training
trust = 0  # its report is a stage of its own
"""

_TRAINED = """
[trust]  # nas trust: the found networks trained longer, beside known ones of the same FLOPs
networks = 3

[retrain]  # nas train: the found network, on all training images; measured on the test images
recipe = "short"  # timm, paper, cifar: a training at full length
epochs = 40

[fit-scaling]  # nas fit-scaling: alpha, beta and gamma for this network and these images
ratio = 2
seeds = 4

[family]  # nas family: B0..B7, by the coefficients that were fitted
# phi = "0,1,2,3"

[train]  # nas train: a member of the family
member = "b1"
recipe = "short"
epochs = 40

[export]  # nas export: the trained networks as files that need no nas
to = ["pytorch", "onnx"]  # timm, torchvision
"""

_PREDICTED = """
[search]  # nas search: the best network at the target, by predicted ImageNet accuracy
target-flops = {flops}
# trials = 300

[family]  # nas family: B0..B7, by the released multipliers
"""

_QUICK = """
[search]
target-flops = {flops}
trials = 3
epochs = 1
batch = 16
trust = 0

[trust]
networks = 1
seeds = 1
random = 1
epochs = 2

[retrain]
epochs = 2
batch = 16

[fit-scaling]
ratio = 2
tolerance = "25%"
step = 0.25
epochs = 1
batch = 16
seeds = 2

[family]
phi = "0,1"

[train]
member = "b1"
epochs = 2
batch = 16

[export]
to = ["pytorch", "onnx"]
"""

_REPORT = """
[report]  # nas report: one page with all of it
"""


def written_plan(data: str | None, target_flops: str | None, *, quick: bool = False) -> str:
    """The TOML of a plan.

    data: None for a search by predicted ImageNet accuracy, which trains nothing. quick: every stage
    in minutes; the drawn sample and a small target where none are given.
    Raises: ConfigError where the target is missing.
    """
    if quick:
        images = QUICK_DATA if data in (None, "sample") else data
        shared = f"\ndata = {json.dumps(images, ensure_ascii=False)}\n"
        return _TOY_HEAD + shared + _filled(_QUICK, target_flops or QUICK_FLOPS) + _REPORT
    if target_flops is None:
        raise ConfigError(
            "a run needs a plan (`nas run PLAN.toml`), or a target to write one for: "
            "--data DIR --target-flops 50M"
        )
    if data is None:
        return _HEAD + _filled(_PREDICTED, target_flops) + _REPORT
    shared = _SHARED.format(data=json.dumps(data, ensure_ascii=False))
    return _HEAD + shared + _filled(_SEARCH + _TRAINED, target_flops) + _REPORT


def _filled(text: str, target_flops: str) -> str:
    return text.format(flops=json.dumps(target_flops))

"""Examples of commands whose help has none, and which page of docs/ tells more about a command."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """A line as it is typed. `shown`: run it when the site is built, and show what it prints.

    Shown are only lines that need no data, write nothing of interest and end within two seconds.
    """

    line: str
    remark: str = ""
    shown: bool = False


EXAMPLES: dict[str, tuple[Example, ...]] = {
    "search": (
        Example("nas search --target-flops 400M", "predicted ImageNet accuracy: no data, seconds"),
        Example("nas search --target-flops 50M --data DIR --dry-run", "what it would take"),
        Example("nas search --target-flops 50M --data DIR", "by training on your images"),
        Example("nas search --target-flops 400M --max-params 6M --max-latency zcu102=4.5"),
        Example("nas search --target-flops 400M --objectives accuracy,flops", "the trade-off"),
    ),
    "status": (
        Example("nas status", "the newest run below runs/"),
        Example("nas status RUN --watch 10", "look again every ten seconds"),
        Example("nas status RUN --trial 17", "one trial in full"),
    ),
    "study tables": (Example("nas study tables table7 --format markdown"),),
    "trust": (
        Example("nas trust", "the newest run"),
        Example("nas trust RUN --networks 5 --seeds 3 --workers 4"),
    ),
    "eval": (Example("nas eval trained/b0-pets/weights.safetensors --data pets"),),
    "predict": (
        Example("nas predict trained/b0-pets/weights.safetensors photo.jpg"),
        Example("nas predict weights.safetensors *.jpg --top 1 --json"),
    ),
    "export": (
        Example("nas export trained/b0-pets --to onnx"),
        Example("nas export RUN:b3 --to pytorch --out b3", "random weights, called untrained"),
        Example("nas export efficientnet-b0 --to timm --from b0.safetensors"),
    ),
    "scale": (
        Example("nas scale efficientnet-b0 --to-flops 400M --by depth", shown=True),
        Example("nas scale mobilenet-v2 --to-flops 600M --out larger.json"),
    ),
    "family": (Example("nas family --published", "the released B0..B7", shown=True),),
    "cost": (
        Example("nas cost efficientnet-b0 --per-stage", shown=True),
        Example("nas cost efficientnet-b0 --verify", "against torch and fvcore, to the unit"),
        Example("nas cost RUN --resolution 160 --classes 20"),
    ),
    "show": (
        Example("nas show efficientnet-b0", shown=True),
        Example("nas show efficientnet-b0 --diff mnasnet-a1", "what differs"),
    ),
    "refs": (Example("nas refs", shown=True),),
    "spaces": (
        Example("nas spaces", shown=True),
        Example("nas spaces mbconv --target-flops 400M --samples 1000", shown=True),
    ),
    "score": (
        Example("nas score networks.csv", "writes networks.scored.csv"),
        Example("nas score networks.jsonl --evaluator zero-cost"),
    ),
    "data info": (
        Example("nas data info pets"),
        Example("nas data info sample", shown=True),
    ),
    "data pack": (Example("nas data pack pets --px 160", "pets.safetensors, smaller images"),),
    "latency measure": (
        Example("nas latency measure RUN efficientnet-b0 --device onnxruntime --threads 4"),
    ),
    "latency table": (
        Example("nas latency table --space mbconv -o here.json"),
        Example("nas latency table --from results.json -o phone.json", "measured elsewhere"),
    ),
    "latency script": (
        Example("nas latency script -o measure.py", "and measure.work.json, to take along"),
    ),
    "plugins": (Example("nas plugins", shown=True), Example("nas plugins --check")),
}
"""Command -> its examples; those in the command's own help come after them."""

GUIDES: dict[str, tuple[str, ...]] = {
    "search": ("search.md", "evaluators.md", "parallel.md"),
    "status": ("search.md",),
    "fit-scaling": ("scaling.md",),
    "family": ("scaling.md",),
    "scale": ("scaling.md",),
    "trust": ("evaluators.md",),
    "train": ("training.md", "data.md"),
    "eval": ("training.md",),
    "predict": ("tutorial.md",),
    "cost": ("flops.md",),
    "show": ("spaces.md",),
    "refs": ("spaces.md", "flops.md"),
    "spaces": ("spaces.md",),
    "score": ("evaluators.md",),
    "study": ("studies.md",),
}
"""Command -> pages of docs/ about it, beside a page of the command's own name."""

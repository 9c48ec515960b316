"""Training recipes: named, readable files whose every setting can be overridden.

A recipe's file is TOML, with a head comment that says where it comes from and what it gives. Its
learning rate is for its own batch size; `scaled_learning_rate` says what another one gets.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import math
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from nas.errors import TrainingError

OPTIMIZERS = ("sgd", "rmsprop", "adamw")
SCHEDULES = ("cosine", "one-cycle", "linear", "step")
CROPS = ("random-resized", "pad", "none")


@dataclass(frozen=True)
class Recipe:
    """How to train. Fractions lie in [0, 1]; 0 switches a part off.

    learning_rate: the peak, for `batch_size` images a step. momentum: of SGD, RMSprop; AdamW's
    beta1. warmup: fraction of the training. decay_rate, decay_epochs: of the schedule "step".
    mixup, cutmix: alpha of the Beta distribution. auto_augment: "", "autoaugment", or timm's words
    ("rand-m9-mstd0.5"). crop_scale: area of a random-resized crop over the image's. ema: decay a
    step. drop_path, dropout: None leaves the network's own. clip: norm of the gradient.
    bn_recalibration_batches: batches that the batch norms' statistics are taken from anew, for the
    averaged weights. bf16: on CUDA only. source, expected: where it is from and what it gave there.
    Raises: TrainingError naming a value that cannot be.
    """

    name: str
    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    weight_decay: float = 0.0
    momentum: float = 0.9
    warmup: float = 0.0
    schedule: str = "cosine"
    decay_rate: float = 0.97
    decay_epochs: float = 2.4
    label_smoothing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    auto_augment: str = ""
    random_erasing: float = 0.0
    crop: str = "random-resized"
    crop_scale: tuple[float, float] = (0.08, 1.0)
    flip: bool = True
    ema: float = 0.0
    drop_path: float | None = None
    dropout: float | None = None
    clip: float = 0.0
    zero_last_norm: bool = False
    limit_first_logits: bool = False
    full_augmentation_epochs: int = 0
    bn_recalibration_batches: int = 0
    bf16: bool = True
    channels_last: bool = True
    source: str = ""
    expected: str = ""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = _as_declared(self.name, field.name, str(field.type), getattr(self, field.name))
            object.__setattr__(self, field.name, value)
        for name, choices in (
            ("optimizer", OPTIMIZERS),
            ("schedule", SCHEDULES),
            ("crop", CROPS),
        ):
            if getattr(self, name) not in choices:
                raise self._error(name, f"must be one of {', '.join(choices)}")
        for name, low, high in _BOUNDS:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise self._error(name, f"must lie between {low:g} and {high:g}")
        smallest, largest = self.crop_scale
        if not 0 < smallest <= largest <= 1:
            raise self._error("crop_scale", "must be two fractions, the smaller one first")

    def _error(self, name: str, rule: str) -> TrainingError:
        return TrainingError(f"recipe '{self.name}': {name} is {getattr(self, name)!r}; it {rule}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON and TOML have them."""
        return {**dataclasses.asdict(self), "crop_scale": list(self.crop_scale)}


_BOUNDS: tuple[tuple[str, float, float], ...] = (
    ("epochs", 1, 100_000),
    ("batch_size", 1, 1 << 20),
    ("learning_rate", 1e-12, 1e4),
    ("weight_decay", 0, 10),
    ("momentum", 0, 0.9999),
    ("warmup", 0, 0.9),
    ("decay_rate", 1e-6, 1),
    ("decay_epochs", 1e-3, 1e5),
    ("label_smoothing", 0, 0.9),
    ("mixup", 0, 10),
    ("cutmix", 0, 10),
    ("random_erasing", 0, 1),
    ("ema", 0, 0.999999),
    ("drop_path", 0, 0.95),
    ("dropout", 0, 0.95),
    ("clip", 0, 1e6),
    ("full_augmentation_epochs", 0, 100_000),
    ("bn_recalibration_batches", 0, 1 << 20),
)


def _as_declared(recipe: str, name: str, kind: str, value: Any) -> Any:
    """`value` as the field's type, without guessing; text is read where a flag gave it."""
    fitting = (
        (kind == "str" and isinstance(value, str))
        or (kind == "bool" and isinstance(value, bool))
        or (kind == "int" and type(value) is int)
        or (kind == "float | None" and value is None)
    )
    if fitting:
        return value
    if kind.startswith("float") and isinstance(value, (int, float)) and type(value) is not bool:
        if math.isfinite(value):
            return float(value)
    elif kind.startswith("tuple") and isinstance(value, (list, tuple)) and len(value) == 2:
        return tuple(_as_declared(recipe, name, "float", part) for part in value)
    wanted = {"int": "a whole number", "bool": "true or false", "str": "text"}.get(
        kind, "two numbers" if kind.startswith("tuple") else "a number"
    )
    raise TrainingError(f"recipe '{recipe}': {name} is {value!r}; it must be {wanted}")


def recipe_names() -> tuple[str, ...]:
    """The built-in recipes."""
    return tuple(sorted(p.name[:-5] for p in _folder().iterdir() if p.name.endswith(".toml")))


def load_recipe(name_or_path: str | Path, **overrides: Any) -> Recipe:
    """A built-in recipe by name, or one from a TOML file, with some settings replaced.

    Where `batch_size` is overridden and `learning_rate` is not, the rate is scaled to it. An
    override that is None leaves the recipe's value.
    Raises: TrainingError, in one line, for an unknown recipe, an unknown key or a bad value.
    """
    text, name = _read(name_or_path)
    try:
        settings = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TrainingError(f"recipe '{name_or_path}' is not TOML: {error}") from None
    settings.setdefault("name", name)
    base = _recipe(settings)
    changes = {key: value for key, value in overrides.items() if value is not None}
    if not changes:
        return base
    _refuse_unknown(base.name, changes)
    changed = _recipe({**base.to_dict(), **changes})
    if "batch_size" in changes and "learning_rate" not in changes:
        rate = scaled_learning_rate(changed, base.learning_rate, base.batch_size)
        changed = dataclasses.replace(changed, learning_rate=rate)
    return changed


def recipe_file_digest(name_or_path: str | Path) -> str | None:
    """What is in a recipe's file, in 12 hexadecimal digits; None for a built-in recipe.

    Raises: TrainingError where it cannot be read.
    """
    if str(name_or_path) in recipe_names():
        return None
    content = json.dumps(load_recipe(name_or_path).to_dict(), sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def scaled_learning_rate(recipe: Recipe, learning_rate: float, batch_size: int) -> float:
    """`learning_rate`, given for `batch_size` images a step, at `recipe.batch_size` images.

    Linear for SGD (Goyal et al., 1706.02677) and RMSprop (the reference EfficientNet's code);
    square root for AdamW (Malladi et al., 2205.10287).
    """
    ratio = recipe.batch_size / batch_size
    return learning_rate * (math.sqrt(ratio) if recipe.optimizer == "adamw" else ratio)


def _recipe(settings: dict[str, Any]) -> Recipe:
    name = str(settings["name"])
    _refuse_unknown(name, settings)
    for field in dataclasses.fields(Recipe):
        if field.default is dataclasses.MISSING and field.name not in settings:
            raise TrainingError(f"recipe '{name}' lacks '{field.name}'; add it to the file")
    return Recipe(**settings)


def _refuse_unknown(recipe: str, settings: dict[str, Any]) -> None:
    known = [field.name for field in dataclasses.fields(Recipe)]
    for key in settings:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(known)}"
            raise TrainingError(f"recipe '{recipe}' has no setting '{key}'; {hint}")


def _read(name_or_path: str | Path) -> tuple[str, str]:
    text = str(name_or_path)
    if text in recipe_names():
        return (_folder() / f"{text}.toml").read_text(encoding="utf-8"), text
    path = Path(text)
    if path.suffix != ".toml":
        raise TrainingError(
            f"no recipe '{text}'; there are {', '.join(recipe_names())}, or name a .toml file"
        )
    try:
        return path.read_text(encoding="utf-8"), path.stem
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise TrainingError(f"cannot read the recipe {path}: {reason}") from None


def _folder() -> Any:
    return files("nas.training") / "recipes"

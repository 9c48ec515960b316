"""The student: the teacher's surface on a few hundred anchors, cheap enough for a search.

The teacher sums over every trained network. The student is a quadratic form of choices and log
costs, plus the teacher's own smooth kernel on `ANCHORS` networks for the rest, with two outputs:
the latent mean and the log of the model's variance. It learns both from the teacher's answers for
networks of the whole space, not from labels, so that it is also right where a search goes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.evaluators.imagenet_model import CHOICES, coordinates, pair_inputs, positions
from tools.imagenet_predictor.gaussian_process import Array, Teacher
from tools.imagenet_predictor.stage_costs import StageCosts

Codes = NDArray[np.int64]

ANCHORS = 512
# Networks that the student learns from: uniform ones, and ones bred for a high predicted accuracy.
UNIFORM = 16000
BRED = 6000
BREEDING_ROUNDS = 12
CHECKED = 2000
# The variance is smoother than the mean and costs the teacher more: it takes fewer networks.
VARIANCE_EVERY = 3
# Penalty on the weights. Small: the answers it fits have no noise.
RIDGE = 1e-3
JITTER = 1e-6


@dataclass(frozen=True)
class Student:
    """What the model file holds of the accuracy model; see `ImagenetModel`.

    distillation_variance: mean squared difference to the teacher on networks not learned from.
    """

    anchors: Codes
    inverse_lengths: Array
    quadratic: Array
    kernel_weights: Array
    distillation_variance: float


def network_points(codes: Codes, costs: StageCosts) -> Array:
    """The kernel's coordinates (n, 30) of networks (n, 28)."""
    return coordinates(positions(codes), costs.flops(codes), costs.params(codes))


def uniform_networks(count: int, generator: np.random.Generator) -> Codes:
    """`count` networks (n, 28) with every choice drawn alike."""
    return np.column_stack([generator.choice(choices, count) for choices in CHOICES.values()])


def fit_student(teacher: Teacher, trained: Codes, costs: StageCosts, seed: int) -> Student:
    """Distil `teacher`, which was fitted on the networks `trained`."""
    generator = np.random.default_rng(seed)
    uniform = uniform_networks(UNIFORM, generator)
    bred = _bred_networks(teacher, trained, costs, generator)
    candidates = np.concatenate([trained, uniform[:2000], bred[:1000]])
    anchors = _spread_networks(candidates, teacher, costs)
    anchor_points = network_points(anchors, costs)
    covariance = teacher.kernel.smooth_part(anchor_points, anchor_points)
    whitener = np.linalg.inv(np.linalg.cholesky(covariance + JITTER * np.eye(ANCHORS)))

    def features(codes: Codes, points: Array) -> Array:
        inputs = pair_inputs(positions(codes), points)
        first, second = np.triu_indices(inputs.shape[1])
        smooth = teacher.kernel.smooth_part(points, anchor_points) @ whitener.T
        return np.hstack([inputs[:, first] * inputs[:, second], smooth])

    learned = np.concatenate([trained, uniform, bred])
    points = network_points(learned, costs)
    inputs = features(learned, points)
    some = slice(None, None, VARIANCE_EVERY)
    variance = teacher.predict(points[some])[1]
    weights = np.column_stack(
        [
            _least_squares(inputs, teacher.predict_mean(points)),
            _least_squares(inputs[some], np.log(variance)),
        ]
    )
    fresh = np.concatenate(
        [uniform_networks(CHECKED, generator), _mutated(bred[:CHECKED], 2, generator)]
    )
    points = network_points(fresh, costs)
    difference = features(fresh, points) @ weights[:, 0] - teacher.predict_mean(points)
    size = pair_inputs(positions(fresh[:1]), points[:1]).shape[1]
    quadratic = np.zeros((2, size, size))
    quadratic[:, *np.triu_indices(size)] = weights[:-ANCHORS].T
    return Student(
        anchors=anchors,
        inverse_lengths=1 / teacher.kernel.lengths,
        quadratic=quadratic,
        kernel_weights=whitener.T @ weights[-ANCHORS:],
        distillation_variance=float((difference**2).mean()),
    )


def _least_squares(features: Array, target: Array) -> Array:
    """Weights that fit `target` (n,), with a slight pull to zero."""
    gram = features.T @ features
    gram[np.diag_indices_from(gram)] += RIDGE
    return np.asarray(np.linalg.solve(gram, features.T @ target), dtype=float)


def _spread_networks(candidates: Codes, teacher: Teacher, costs: StageCosts) -> Codes:
    """Choose anchors far from each other: greedily, the one that the chosen explain least.

    This is a Cholesky factorisation with pivots of the kernel's smooth part.
    """
    points = network_points(candidates, costs)
    remaining = np.ones(len(points))
    factor = np.zeros((ANCHORS, len(points)))
    chosen: list[int] = []
    for step in range(ANCHORS):
        pivot = int(remaining.argmax())
        row = teacher.kernel.smooth_part(points[pivot : pivot + 1], points)[0]
        row -= factor[:step, pivot] @ factor[:step]
        factor[step] = row / np.sqrt(remaining[pivot])
        remaining = np.maximum(remaining - factor[step] ** 2, 0)
        remaining[pivot] = 0
        chosen.append(pivot)
    return candidates[chosen]


def _bred_networks(
    teacher: Teacher, trained: Codes, costs: StageCosts, generator: np.random.Generator
) -> Codes:
    """Networks of all sizes that the teacher thinks well of: where a search will ask.

    Each round mutates two choices of the parents and keeps, in each of ten ranges of FLOPs, the
    better half by predicted accuracy.
    """
    parents = trained[generator.choice(len(trained), BRED // 2)]
    met = [parents]
    for _ in range(BREEDING_ROUNDS):
        both = np.concatenate([parents, _mutated(parents, 2, generator)])
        accuracy = teacher.predict_mean(network_points(both, costs))
        order = np.argsort(costs.flops(both), kind="stable")
        kept = [
            part[np.argsort(-accuracy[part], kind="stable")[: len(part) // 2]]
            for part in np.array_split(order, 10)
        ]
        parents = both[np.concatenate(kept)]
        met.append(parents)
    everything = np.unique(np.concatenate(met), axis=0)
    return everything[generator.choice(len(everything), BRED, replace=False)]


def _mutated(codes: Codes, changes: int, generator: np.random.Generator) -> Codes:
    """Copies with up to `changes` choices drawn anew in each network."""
    fresh = uniform_networks(len(codes), generator)
    result = codes.copy()
    rows = np.arange(len(codes))
    for _ in range(changes):
        column = generator.integers(codes.shape[1], size=len(codes))
        result[rows, column] = fresh[rows, column]
    return result

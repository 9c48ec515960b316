"""How much better a network may be than what is known: the figures a search climbs."""

from __future__ import annotations

import numpy as np

from nas.samplers.parameter import Floats


def log_expected_improvement(mean: Floats, sd: Floats, best: float) -> Floats:
    """Log E[max(0, value - best)] for normal values, finite however hopeless they are.

    The logarithm keeps a slope where the improvement itself would round to zero (Ament et al.
    2023); beyond 5 SDs its asymptotic series replaces it, right to 1 %.
    """
    from scipy.special import ndtr

    z = (mean - best) / sd
    near = np.maximum(z, -5.0)
    density = np.exp(-0.5 * near * near) / np.sqrt(2 * np.pi)
    inside = np.log(near * ndtr(near) + density)
    far = np.minimum(z, -5.0)
    outside = -0.5 * far * far - 0.5 * np.log(2 * np.pi) - np.log(far * far + 3.0)
    return np.asarray(np.where(z > -5.0, inside, outside) + np.log(sd))


def expected_excess(mean: Floats, sd: Floats, level: Floats) -> Floats:
    """E[max(0, value - level)], shapes (rows, 1), (rows, 1), (levels,) -> (rows, levels)."""
    from scipy.special import ndtr

    z = (mean - level) / sd
    return np.asarray(sd * (z * ndtr(z) + np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)))


def front(values: Floats) -> Floats:
    """The rows that no other row beats in every column (all are maximised), sorted."""
    kept: list[Floats] = []
    # Best first column first: a later row can only be beaten by one that is already kept.
    for row in values[np.lexsort(-values.T[::-1])]:
        if not any((other >= row).all() for other in kept):
            kept.append(row)
    return np.array(kept)[::-1]


def expected_hypervolume(means: Floats, sds: Floats, known: Floats, reference: Floats) -> Floats:
    """Expected growth of the area beyond `reference` that is dominated, two objectives, maximised.

    `means` and `sds` are (rows, 2), taken as independent; an exactly known objective has SD 0 or
    nearly so. The area is cut into strips between neighbours on the front, and each strip's
    expectation is a product of two one-dimensional ones, so the result is exact.
    """
    edge = front(known[(known > reference).all(axis=1)]) if len(known) else known
    first = np.concatenate([[reference[0]], edge[:, 0]]) if len(edge) else reference[:1]
    # Within strip i, a point must beat the front's second value from there on.
    height = np.concatenate([edge[:, 1], [reference[1]]]) if len(edge) else reference[1:]
    sd = np.maximum(sds, 1e-9 * np.maximum(1.0, np.abs(means)))
    beyond = expected_excess(means[:, :1], sd[:, :1], first)
    width = beyond.copy()
    width[:, :-1] -= beyond[:, 1:]
    return np.asarray((width * expected_excess(means[:, 1:], sd[:, 1:], height)).sum(axis=1))


def expected_chebyshev(
    means: Floats, sds: Floats, known: Floats, reference: Floats, weights: Floats, draws: Floats
) -> Floats:
    """Three and more objectives: improvement of a scalar in a random direction (ParEGO, 2006).

    `weights` (objectives,) is the direction. The expectation is taken over the standard normal
    `draws` (count, 1, objectives), the same for every row, so that rows compare fairly.
    """
    span = np.maximum(known.max(axis=0) - reference, 1e-12)

    def scalar(values: Floats) -> Floats:
        scaled = weights * ((values - reference) / span)
        return np.asarray(scaled.min(axis=-1) + 0.05 * scaled.sum(axis=-1))

    gain = scalar(means + sds * draws) - scalar(known).max()
    return np.asarray(np.maximum(gain, 0.0).mean(axis=0))

import numpy as np

from nas.samplers.kernel import Kernel


def test_costs_have_their_squares_and_products() -> None:
    # Two answers of one kind, then two costs, which are always the last group.
    kernel = Kernel(np.array([0, 0, 1, 1]), 2)
    *_, saturation = kernel.blocks(np.array([[5.0, 7.0, 2.0, 3.0]]))
    assert saturation.tolist() == [[4.0, 6.0, 9.0]]


def test_without_costs_nothing_is_multiplied() -> None:
    kernel = Kernel(np.array([0, 0]), 2)
    x = np.array([[5.0, 7.0]])
    assert [block.shape[1] for block in kernel.blocks(x)] == [1, 2, 0]
    assert len(kernel.blocks(x)) == kernel.rest

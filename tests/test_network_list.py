"""Lists of networks: cells are text, and mean the choice that they name."""

from __future__ import annotations

import pytest

from nas.errors import SpaceError
from nas.network_list import network_of
from nas.search_spaces.mbconv_elastic import MBConvElasticSpace
from nas.space import random_network


@pytest.mark.parametrize("seed", range(20))
def test_a_row_of_text_is_the_network_of_its_parameters(seed: int) -> None:
    space = MBConvElasticSpace()
    arch, suggest = random_network(space, seed)
    assert network_of({name: str(value) for name, value in suggest.params.items()}, space) == arch


def test_a_word_that_is_no_choice_is_refused() -> None:
    space = MBConvElasticSpace()
    _, suggest = random_network(space, 0)
    with pytest.raises(SpaceError, match="'activation' is 'gelu', which is not one of 'silu'"):
        network_of({**suggest.params, "activation": "gelu"}, space)

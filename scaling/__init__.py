"""How a network grows: rounding, the compound rule, the published family; as `nas.scaling`."""

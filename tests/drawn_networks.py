"""Networks of every kind the specs allow, drawn by hypothesis; small, to build at once."""

from __future__ import annotations

from hypothesis import strategies as st

from nas.spec import (
    ACTIVATIONS,
    GATES,
    ArchSpec,
    HeadSpec,
    NormSpec,
    SqueezeExcite,
    StageSpec,
    StemSpec,
)

activations = st.sampled_from(ACTIVATIONS)
kernels = st.sampled_from((1, 3, 5, 7, 9))
channels = st.integers(1, 40)

squeeze_excites = st.builds(
    SqueezeExcite,
    ratio=st.sampled_from((0.01, 0.1, 0.25, 0.3, 0.5, 1.5)),
    of=st.sampled_from(("input", "expanded")),
    divisor=st.sampled_from((1, 4, 8)),
    activation=st.none() | activations,
    gate=st.sampled_from(GATES),
)


@st.composite
def stages(draw: st.DrawFn) -> StageSpec:
    block = draw(st.sampled_from(("mbconv", "separable", "fused-mbconv", "conv")))
    expands = block in ("mbconv", "fused-mbconv")
    skip = draw(st.booleans())
    pools = skip and block != "separable" and draw(st.booleans())
    ratio = st.sampled_from((1, 0.5, 1.3, 2.5, 4, 6))
    return StageSpec(
        block=block,
        channels=draw(channels),
        layers=draw(st.integers(1, 3)),
        stride=draw(st.sampled_from((1, 1, 2, 3))),
        kernel=draw(kernels),
        expand_ratio=draw(ratio) if expands else 1,
        se=draw(st.none() | squeeze_excites),
        activation=draw(st.none() | activations),
        skip=skip,
        options=(("skip", "pool"),) if pools else (),
    )


@st.composite
def resnet_stages(draw: st.DrawFn) -> StageSpec:
    block = draw(st.sampled_from(("basic", "bottleneck")))
    groups = draw(st.sampled_from((1, 2, 3, 32)))
    return StageSpec(
        block=block,
        channels=draw(channels),
        layers=draw(st.integers(1, 3)),
        stride=draw(st.sampled_from((1, 1, 2, 3))),
        kernel=draw(kernels),
        expand_ratio=draw(st.sampled_from((1, 0.25, 0.5, 1.3))),
        activation=draw(st.none() | activations),
        skip=draw(st.booleans()),
        options=(("groups", groups),) if block == "bottleneck" else (),
    )


stems = st.builds(
    StemSpec,
    channels=channels,
    kernel=kernels,
    stride=st.integers(1, 3),
    activation=st.none() | activations,
    max_pool=st.booleans(),
)
heads = st.builds(
    HeadSpec,
    channels=st.none() | st.integers(1, 200),
    dropout=st.sampled_from((0, 0.2)),
    activation=st.none() | activations,
    hidden=st.none() | st.integers(1, 200),
)
networks = st.builds(
    ArchSpec,
    stem=stems,
    stages=st.lists(stages() | resnet_stages(), min_size=1, max_size=4).map(tuple),
    head=heads,
    resolution=st.integers(1, 97),
    classes=st.integers(1, 50),
    in_channels=st.integers(1, 13),
    activation=activations,
    norm=st.builds(NormSpec, eps=st.sampled_from((1e-5, 1e-3))),
    drop_path=st.sampled_from((0, 0.2)),
    name=st.sampled_from(("", "drawn")),
)

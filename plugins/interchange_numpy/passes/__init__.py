"""Passes: each rewrites the ops of a network, in this order. A pass for each idea, in a file of its own."""

from __future__ import annotations

from collections.abc import Callable

from interchange_numpy.network import Network
from interchange_numpy.passes.activations import activations
from interchange_numpy.passes.affine import affine
from interchange_numpy.passes.attention import attention
from interchange_numpy.passes.convolution import convolution
from interchange_numpy.passes.dense import dense
from interchange_numpy.passes.gelu import gelu
from interchange_numpy.passes.halos import halos
from interchange_numpy.passes.pooled import pooled
from interchange_numpy.passes.pools import pools
from interchange_numpy.passes.queries import queries
from interchange_numpy.passes.repeats import repeats
from interchange_numpy.passes.scaled import scaled
from interchange_numpy.passes.squeeze_excite import squeeze_excite
from interchange_numpy.passes.stacked import stacked
from interchange_numpy.passes.transposed import transposed

PASSES: tuple[Callable[[Network], None], ...] = (
    repeats,
    attention,
    gelu,
    activations,
    convolution,
    squeeze_excite,
    transposed,
    dense,
    affine,
    stacked,
    scaled,
    queries,
    pools,
    pooled,
    halos,
)

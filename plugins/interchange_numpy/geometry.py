"""The sizes of a fused convolution, channels last and in two dimensions, and the way it is computed: fixed rules.

1x1 is a product on the tensor itself; 3x3 with stride 1 is Winograd from 7 x 7 pixels up, with tiles of 4 x 4 from
16 x 16 or where the batch has many of them; all else is im2col, tile by tile. Times in ms with AVX2, of the whole layer
by columns, with tiles of 2 x 2 and of 4 x 4: 7x7x512 8.2, 6.8, 7.2; 14x14x256 7.2, 4.5, 4.4 with twice the weights;
16x16, 32 to 64 channels, 0.33, 0.31, 0.26; 28x28x128 7.4, 4.8, 3.3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from interchange.graph import Array
from interchange_numpy.network import Network, Op

Pair = tuple[int, int]

FEWEST_CHANNELS = 16  # of input and output: below, the transforms of Winograd cost more than they save
SMALLEST = 7  # height and width, for tiles of 2 x 2: below, there are too few tiles for the products to be fast
SMALLEST_FOR_4 = 16
MANY_TILES = 64  # of 4 x 4 in the whole batch: enough for smaller images too, if
USEFUL = 0.75  # of what the tiles cover is image


class Geometry(NamedTuple):
    """A convolution of (images, height, width, channels); `pads` are (before, after) for height and width."""

    images: int
    size: Pair
    channels: int
    out_size: Pair
    filters: int
    kernel: Pair
    strides: Pair
    dilations: Pair
    pads: tuple[Pair, Pair]
    group: int

    @property
    def is_pointwise(self) -> bool:
        return self.kernel == (1, 1) and not any(map(any, self.pads)) and self.group == 1

    @property
    def is_depthwise(self) -> bool:
        """Whether each channel has one filter of its own."""
        return self.group > 1 and self.group == self.channels == self.filters

    @property
    def has_pairs(self) -> bool:
        """Whether it is depthwise and the taps of a row can go two by two; an odd kernel then reads one pixel more."""
        return self.is_depthwise and self.strides[1] == 2 and self.dilations[1] == 1 and self.kernel[1] > 1

    @property
    def winograd(self) -> int:
        """The side of Winograd's output tiles, 4 or 2; 0 where it is not used."""
        if self.kernel != (3, 3) or self.strides != (1, 1) or self.dilations != (1, 1) or self.group > 1:
            return 0
        if min(self.channels, self.filters) < FEWEST_CHANNELS:
            return 0
        height, width = self.out_size
        tiles = -(-height // 4) * -(-width // 4)
        is_large = min(height, width) >= SMALLEST_FOR_4 or self.images * tiles >= MANY_TILES
        if is_large and height * width >= USEFUL * 16 * tiles:
            return 4
        return 2 if min(height, width) >= SMALLEST else 0


def geometry(op: Op, network: Network) -> Geometry:
    """The sizes of an op "conv"; one spatial dimension becomes the width of an image of height 1."""
    nhwc = op.attributes["layout"] == "NHWC"
    images, size, channels = parts_of(network.shape(op.inputs[0]) or (), nhwc)
    _, out_size, filters = parts_of(network.shape(op.attributes.get("unpooled", op.outputs[0])) or (), nhwc)
    weight = network.constants[op.attributes["weight"]].shape
    kernel = weight[:-2] if nhwc else weight[2:]
    a = op.attributes
    pads = a["pads"] if len(kernel) == 2 else ((0, 0), *a["pads"])
    return Geometry(
        images,
        size,
        channels,
        out_size,
        filters,
        pair(kernel),
        pair(a["strides"]),
        pair(a["dilations"]),
        pads,
        a["group"],
    )


def parts_of(shape: tuple[int, ...], nhwc: bool) -> tuple[int, Pair, int]:
    """The number of images, height and width, and channels."""
    images, channels = shape[0], shape[-1 if nhwc else 1]
    return images, pair(shape[1:-1] if nhwc else shape[2:]), channels


def pair(sizes: Any, height: int = 1) -> Pair:
    """Two sizes; of one dimension, the width, beside that of an image of height 1."""
    return (height, int(sizes[0])) if len(sizes) == 1 else (int(sizes[0]), int(sizes[1]))


def padding(g: Geometry, *, precise: bool) -> tuple[Pair, Pair]:
    """The zeros that a kernel wants to find around its input: the pads, and what makes whole tiles or pairs."""
    if precise:
        return g.pads
    if g.has_pairs:
        (vertical, (before, after)), kernel = g.pads, g.kernel[1]
        read = (g.out_size[1] - 1) * 2 + kernel + kernel % 2
        return vertical, (before, max(after, read - before - g.size[1]))
    if not g.winograd:
        return g.pads
    more = (-(-n // g.winograd) * g.winograd - n for n in g.out_size)
    return tuple((before, after + m) for (before, after), m in zip(g.pads, more, strict=True))  # type: ignore[return-value]


def images_of(array: Array, nhwc: bool) -> Array:
    """A view of a value as (images, height, width, channels)."""
    if not nhwc:
        array = array.transpose(0, *range(2, array.ndim), 1)
    return array if array.ndim == 4 else array[:, None]


def kernel_of(weight: Array, nhwc: bool) -> Array:
    """A view of a kernel as (height, width, in, out)."""
    if not nhwc:
        weight = weight.transpose(*range(2, weight.ndim), 1, 0)
    return weight if weight.ndim == 4 else weight[None]

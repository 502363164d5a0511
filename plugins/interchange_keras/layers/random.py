"""Random changes of pictures, which training sees and inference does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interchange_keras.layer import Layer, LayerFunction


def unchanged(layer: Layer, x: str, **options: Any) -> str:
    return x if layer.dtype(x).startswith(("float", "bfloat")) else layer.add("Cast", x, to="float32")


NAMES = """
    AugMix RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast
    RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHeight RandomHue
    RandomInvert RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear
    RandomTranslation RandomWidth RandomZoom
"""

LAYERS: Mapping[str, LayerFunction] = dict.fromkeys(NAMES.split(), unchanged)

"""Random changes of pictures, which training sees and inference does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interchange_keras.layer import Layer, LayerFunction


def unchanged(layer: Layer, x: str, **options: Any) -> str:
    return x


NAMES = """
    AugMix CutMix Equalization MaxNumBoundingBoxes MixUp RandAugment RandomBrightness RandomColorDegeneration
    RandomColorJitter RandomContrast RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur
    RandomGrayscale RandomHeight RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation
    RandomSaturation RandomSharpness RandomShear RandomTranslation RandomWidth RandomZoom Solarization
"""

LAYERS: Mapping[str, LayerFunction] = dict.fromkeys(NAMES.split(), unchanged)

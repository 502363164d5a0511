"""What Keras does with integers and booleans, as a table of what Keras 2 and 3 were seen to do.

It casts what is floating when it enters a layer (interchange_keras.precision), but leaves these alone, and what comes
of them is different for each class. What is not in the table is refused. tests/golden/keras_inputs holds models for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from interchange_keras.eras import Version, mean_overflows

INTEGERS = ("uint8", "int8", "int32", "int64")
WIDE = ("int32", "int64")
BOTH = (*INTEGERS, "bool")


# In which dtype a layer computes: its own, or that of the input; in another one the result is cast back to the latter.
OWN, GIVEN = "own", "given"


class Rule(NamedTuple):
    """What these classes do with inputs of these dtypes.

    Args:
        classes: names of classes, with an option where it matters: see `kind`.
        eras: versions of Keras.
        computes: OWN, GIVEN or a dtype. Keras itself computes in the given one where this is float64 or int32; these
            hold the same numbers, and operators take them.
    """

    classes: str
    eras: tuple[int, ...]
    dtypes: tuple[str, ...]
    computes: str


RULES: Sequence[Rule] = (
    Rule(
        "Identity Flatten Permute Reshape RepeatVector Concatenate Activation/linear "
        "Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D GaussianNoise GaussianDropout AlphaDropout "
        "ZeroPadding1D ZeroPadding2D ZeroPadding3D Cropping1D Cropping2D Cropping3D UpSampling1D UpSampling3D",
        (2, 3),
        BOTH,
        GIVEN,
    ),
    Rule(
        "Dense BatchNormalization Rescaling Normalization RandomFlip RandomRotation RandomZoom RandomTranslation",
        (2, 3),
        BOTH,
        OWN,
    ),
    Rule("Resizing RandomCrop CenterCrop", (2, 3), INTEGERS, GIVEN),  # they see to it themselves
    Rule("TFDConcat TFDIdentity", (3,), INTEGERS, GIVEN),
    Rule("RandomHeight RandomWidth", (2,), INTEGERS, GIVEN),
    Rule(
        "AugMix AutoContrast CutMix RandAugment RandomElasticTransform RandomErasing RandomGaussianBlur "
        "RandomPerspective RandomSharpness RandomShear Solarization",
        (3,),
        INTEGERS,
        OWN,
    ),
    Rule(
        "ContrastLimitedAdaptiveHistogramEqualization Equalization MaxNumBoundingBoxes MixUp RandomBrightness "
        "RandomColorDegeneration RandomColorJitter RandomContrast RandomGrayscale RandomHue RandomInvert "
        "RandomPosterization RandomSaturation",
        (3,),
        INTEGERS,
        GIVEN,
    ),
    Rule("LayerNormalization UnitNormalization RandomContrast RandomBrightness", (2,), BOTH, OWN),
    Rule(
        "GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D EinsumDense SimpleRNN LSTM GRU "
        "Activation/tanh Activation/exponential",
        (3,),
        BOTH,
        OWN,
    ),
    Rule("LeakyReLU ReLU/slope Activation/leaky_relu", (2, 3), INTEGERS, OWN),
    Rule("UpSampling2D/bilinear UpSampling2D/bicubic", (2,), INTEGERS, OWN),
    Rule("ReLU Activation/relu UpSampling2D Maximum Minimum", (2, 3), INTEGERS, GIVEN),
    Rule("GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D", (2, 3), INTEGERS, GIVEN),
    Rule("UpSampling2D", (3,), ("bool",), GIVEN),
    Rule("ReversibleEmbedding", (3,), WIDE, GIVEN),  # tests/golden/keras_calls
    Rule("Add Subtract Multiply", (2, 3), WIDE, GIVEN),
    Rule("Add Subtract Multiply", (2, 3), ("uint8", "int8"), "int32"),
    Rule("Multiply", (2,), ("bool",), "int32"),
    Rule("Average", (2, 3), INTEGERS, GIVEN),
    Rule("Average", (2,), ("int16",), OWN),
    Rule("Dot", (2,), ("int32",), GIVEN),
    Rule("ReLU/limits Activation/relu6 MaxPooling2D", (2, 3), INTEGERS, "float64"),
    Rule("ReLU/limits MaxPooling2D", (2,), ("int16",), "float64"),
    Rule("ThresholdedReLU", (2,), ("uint8", "int32"), "float64"),
    Rule("GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D", (2,), INTEGERS, "float64"),
    Rule("GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D", (2,), ("bool",), OWN),
    Rule("GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D", (3,), ("bool",), "int32"),
    Rule("RandomContrast RandomBrightness", (3,), ("bool",), OWN),
)
# Where Keras 3 casts all inputs if one of several inputs is floating.
PROMOTES = frozenset(
    {"TFDConcat", "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"}
)


def kind(class_name: str, options: Mapping[str, Any]) -> str:
    """The class with the option that matters."""
    match class_name:
        case "Activation":
            return f"Activation/{options.get('activation')}"
        case "ReLU" if options.get("negative_slope"):
            return "ReLU/slope"
        case "ReLU" if options.get("threshold") or options.get("max_value") is not None:
            return "ReLU/limits"
        case "UpSampling2D" if options.get("interpolation", "nearest") != "nearest":
            return f"UpSampling2D/{options['interpolation']}"
    return class_name


def computes(class_name: str, options: Mapping[str, Any], version: Version, dtypes: Sequence[str]) -> str | None:
    """In which dtype a layer computes with integers and booleans, as in `Rule`; None: it is not known.

    Args:
        dtypes: of all inputs.
    """
    exact = {dtype for dtype in dtypes if not dtype.startswith(("float", "bfloat"))}
    if len(exact) < len(set(dtypes)):
        return OWN if class_name in PROMOTES and version >= (3,) else None
    if len(exact) > 1:
        return None
    name, era = kind(class_name, options), version[0]
    if name.startswith("GlobalAverage") and mean_overflows(version) and exact - {"bool", "int32", "int64"}:
        return None
    for rule in RULES:
        if name in rule.classes.split() and era in rule.eras and exact <= set(rule.dtypes):
            return rule.computes
    return None

"""What Keras on CNTK computed otherwise than its own documentation says.

Seen with Keras 2.0.9 and 2.2.4 on CNTK 2.7 and a CPU, layer by layer: dense layers, merges, norms, flat pools,
SimpleRNN, GRU and convolutions without the options below agree. What does not follows no rule that is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interchange_keras.eras import Version

NEXT_STEP = "give --import-option backend=tensorflow to have what the layer's options say, which CNTK did not compute"
OWN_BORDERS = frozenset({"DepthwiseConv2D", "SeparableConv2D"})
LSTM_CHANGED = (2, 1)  # the LSTM of 2.0.9 agrees, that of 2.2.4 does not; those between were not run
STRIDES_3D_FIXED = (2, 2)


def differs(class_name: str, config: Mapping[str, Any], version: Version) -> str:
    """Why it is not known what a layer computed on CNTK; "" where it agrees with the other backends.

    A wrapper is asked for the layers and cells in it.
    """
    for key in ("wrapped", "backward_layer", "cell"):
        inner = config.get(key)
        if isinstance(inner, Mapping) and isinstance(inner.get("config"), Mapping):
            inner_config = {"unroll": config.get("unroll"), **inner["config"]} if key == "cell" else inner["config"]
            if why := differs(str(inner.get("class_name")), inner_config, version):
                return why
    same = config.get("padding") == "same"
    if _above_one(config.get("dilation_rate")):
        return "a dilation_rate, which CNTK ignored in places"
    if class_name.startswith("ConvLSTM"):
        return "a ConvLSTM, which CNTK computed otherwise"
    if "Conv" in class_name and same and _above_one(config.get("strides")):
        return "padding 'same' with strides, which CNTK pads at other sides"
    if class_name in OWN_BORDERS and (same or _above_one(config.get("strides"))):
        return "strides or padding 'same' of a depthwise kernel, which CNTK computed otherwise"
    if class_name == "Conv3D" and version < STRIDES_3D_FIXED and _above_one(config.get("strides")):
        return "strides of a volume, which Keras on CNTK applied to other dimensions"
    if class_name.endswith("Pooling3D") and same:
        return "padding 'same' of a pool of volumes, which CNTK pads at other sides"
    if class_name in ("LSTM", "LSTMCell") and version >= LSTM_CHANGED and not config.get("unroll"):
        return "an LSTM that is not unrolled, which CNTK computed otherwise"
    return ""


def _above_one(value: object) -> bool:
    numbers = value if isinstance(value, Sequence) else [value]
    return any(isinstance(number, int) and number > 1 for number in numbers)

"""What changed between the versions of Keras, as tables: names of classes and of options, defaults, meanings, weights.

A layer function sees one vocabulary, that of Keras 3. What a file of another version says is put into it here, before
any layer function runs. To teach the importer an old spelling, add a row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from interchange_keras.precision import FLOATS, INTEGERS

Array = npt.NDArray[Any]
Version = tuple[int, ...]

# A file that does not say who wrote it is read as Keras itself reads it: as one of Keras 1.
UNVERSIONED: Version = (1,)
# But the JSON of an architecture names its version since 1.0.5.
LAST_WITHOUT_VERSION: Version = (1, 0, 4)
# The fourth number of a version of tf.keras; the version of TensorFlow follows, as far as it is known.
TF_KERAS = 1
# The versions of TensorFlow that wrote the same `keras_version`.
TENSORFLOWS: Mapping[Version, Sequence[Version]] = {
    (2, 2, 4): ((1, 13), (1, 14), (1, 15), (2, 0), (2, 1)),
    (2, 3, 0): ((2, 1), (2, 2)),
    (2, 4, 0): ((2, 3), (2, 4)),
}

CLASSES: Mapping[str, str] = {
    # Keras 1
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    "TimeDistributedDense": "Dense",
    # TensorFlow 1.x wrote the implementation's name
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "DenseV1": "Dense",
    "Functional": "Functional",
    "Model": "Functional",
}

MODEL_CLASSES = frozenset({"Functional", "Sequential"})


class Key(NamedTuple):
    """An option that had another name: `old` of these classes ("*": of all) is `new` today.

    Several old keys become one list; `values` translates, and leaves alone what it does not hold.
    """

    classes: str
    old: str
    new: str
    values: Mapping[str, Any] | None = None


KEYS: Sequence[Key] = (
    # Keras 1
    Key("*", "border_mode", "padding"),
    Key("*", "dim_ordering", "data_format", {"tf": "channels_last", "th": "channels_first"}),
    Key("*", "nb_filter", "filters"),
    Key("*", "subsample", "strides"),
    Key("*", "subsample_length", "strides"),
    Key("*", "filter_length", "kernel_size"),
    Key("*", "nb_row nb_col", "kernel_size"),
    Key("*", "kernel_dim1 kernel_dim2 kernel_dim3", "kernel_size"),
    Key("*", "atrous_rate", "dilation_rate"),
    Key("Conv1D Conv2D Conv3D Conv2DTranspose SeparableConv2D Dense Highway MaxoutDense", "bias", "use_bias"),
    Key("LocallyConnected1D LocallyConnected2D", "bias", "use_bias"),
    Key("Dense MaxoutDense", "output_dim", "units"),
    Key("MaxPooling1D AveragePooling1D", "pool_length", "pool_size"),
    Key("MaxPooling1D AveragePooling1D", "stride", "strides"),
    Key("UpSampling1D", "length", "size"),
    Key("Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D GaussianDropout AlphaDropout", "p", "rate"),
    Key("GaussianNoise", "sigma", "stddev"),
    Key("InputLayer", "input_dtype", "dtype"),
    Key("SimpleRNN LSTM GRU", "output_dim", "units"),
    Key("SimpleRNN LSTM GRU ConvLSTM2D", "inner_activation", "recurrent_activation"),
    Key("SimpleRNN LSTM GRU ConvLSTM2D", "consume_less", "implementation", {"cpu": 0, "mem": 1, "gpu": 2}),
    # Keras 2
    Key("InputLayer", "batch_input_shape", "batch_shape"),
    Key("LeakyReLU", "alpha", "negative_slope"),
    Key("Discretization", "bins", "bin_boundaries"),
    Key("CategoryEncoding", "max_tokens", "num_tokens"),
    Key(
        "CategoryEncoding IntegerLookup StringLookup TextVectorization",
        "output_mode",
        "output_mode",
        {"binary": "multi_hot", "tf-idf": "tf_idf"},
    ),
    Key("IntegerLookup", "max_values", "max_tokens"),
    Key("IntegerLookup", "mask_value", "mask_token"),
    Key("IntegerLookup", "oov_value", "oov_token"),
    # every era: what these wrap; the first parameter of every function is called `layer`
    Key("Bidirectional TimeDistributed", "layer", "wrapped"),
)


class Default(NamedTuple):
    """A default, or a meaning that today's functions express by an option, which held before version `before`; in
    tf.keras before `before_tf`, where that is another."""

    name: str  # a class, or an activation
    key: str
    value: Any
    before: Version
    before_tf: Version | None = None

    def holds(self, version: Version) -> bool:
        return version < (self.before_tf if self.before_tf is not None and is_of_tensorflow(version) else self.before)


DEFAULTS: Sequence[Default] = (
    Default("LSTM", "recurrent_activation", "hard_sigmoid", before=(2, 3)),
    Default("GRU", "recurrent_activation", "hard_sigmoid", before=(2, 3)),
    Default("LSTMCell", "recurrent_activation", "hard_sigmoid", before=(2, 3)),
    Default("GRUCell", "recurrent_activation", "hard_sigmoid", before=(2, 3)),
    Default("ConvLSTM2D", "recurrent_activation", "hard_sigmoid", before=(3,)),
    Default("ConvLSTM1D", "recurrent_activation", "hard_sigmoid", before=(3,)),
    Default("ConvLSTM3D", "recurrent_activation", "hard_sigmoid", before=(3,)),
    Default("GRU", "reset_after", False, before=(3,)),
    Default("GRUCell", "reset_after", False, before=(3,)),
    Default("LSTM", "implementation", 0, before=(2,)),
    Default("GRU", "implementation", 0, before=(2,)),
    Default("Bidirectional", "zero_output_for_mask", False, before=(2, 4), before_tf=(2, 2, 4)),
    Default("hard_sigmoid", "slope", 0.2, before=(3,)),  # clip(0.2 x + 0.5, 0, 1); Keras 3: relu6(x + 3) / 6
)

# Options that say nothing about inference, whatever their value. A parameter of the layer's function comes first.
IRRELEVANT = frozenset(
    {"name", "trainable", "seed", "init"}
    | {"batch_input_shape", "batch_size"}  # read by the Sequential that the layer begins
    | {"input_dim", "input_length", "input_shape", "input_dtype"}
    # recurrent layers: training, speed, what a second batch would begin with
    | {"dropout", "recurrent_dropout", "dropout_W", "dropout_U", "unit_forget_bias", "implementation"}
    | {"enable_caching_device", "stateful", "unroll"}
    | {"rng_type", "bounding_box_format"}  # random layers, and what they do with boxes
)
IRRELEVANT_ENDINGS = ("_initializer", "_regularizer", "_constraint", "_init")

# Options that say nothing as long as they have one of these values.
IDLE: Mapping[str, Sequence[Any]] = {
    "quantization_config": (None,),
    "lora_rank": (None,),
    "weights": (None,),
    "ragged": (False, None),
    "sparse": (False, None),
    "input_tensor": (None,),
    "mode_type": ("raw",),
}

# Keras 1 left out the dim_ordering of these layers: it is that of the others in the file.
WITHOUT_FORMAT = frozenset(f"{kind}{n}D" for kind in ("Cropping", "UpSampling", "ZeroPadding") for n in (2, 3))

# Whether a backend's "convolution" is a cross-correlation, as everywhere else, or flips the kernel.
FLIPS_KERNELS: Mapping[str, bool] = {"tensorflow": False, "cntk": False, "theano": True, "jax": False, "torch": False}

# Keras 1 wrote these weights in another layout. What a file's array looks like decides where Keras 1 itself changed.
OldWeights = Callable[[Array, Mapping[str, Any]], Array]


def _old_conv1d_kernel(kernel: Array, config: Mapping[str, Any]) -> Array:
    """(length, 1, in, out), before 1.1 (out, in, length, 1) -> (length, in, out)."""
    length = np.ravel(config.get("kernel_size", 0))[0]
    if kernel.ndim == 4 and (kernel.shape[:2] != (length, 1) or kernel.shape[3] != config.get("filters")):
        kernel = kernel.transpose(2, 3, 1, 0)
    return kernel[:, 0] if kernel.ndim == 4 else kernel


def _old_conv_kernel(kernel: Array, config: Mapping[str, Any]) -> Array:
    """(out, in, *kernel) with channels first -> (*kernel, in, out)."""
    return kernel.transpose(*range(2, kernel.ndim), 1, 0) if config.get("data_format") == "channels_first" else kernel


def _old_transposed_kernel(kernel: Array, config: Mapping[str, Any]) -> Array:
    """(*kernel, in, out), with channels first (out, in, *kernel): as if it were that of a convolution."""
    return kernel.transpose((2, 3, 0, 1) if config.get("data_format") == "channels_first" else (0, 1, 3, 2))


OLD_WEIGHTS: Mapping[tuple[str, str], OldWeights] = {
    ("Conv1D", "kernel"): _old_conv1d_kernel,
    ("Conv2D", "kernel"): _old_conv_kernel,
    ("Conv2DTranspose", "kernel"): _old_transposed_kernel,
    ("Conv3D", "kernel"): _old_conv_kernel,
    ("SeparableConv2D", "depthwise_kernel"): _old_conv_kernel,
    ("SeparableConv2D", "pointwise_kernel"): _old_conv_kernel,
    **{("ConvLSTM2D", f"cell/{part}_{gate}"): _old_conv_kernel for part in "WU" for gate in "icfo"},
}


# Options that a version did not save though they matter: (class, option) -> the version that saved it, what is read.
NOT_SAVED: Mapping[tuple[str, str], tuple[Version, str]] = {
    ("ConvLSTM2D", "strides"): ((2,), "1"),
    ("Conv2DTranspose", "output_shape"): ((1, 1), "what the kernel makes"),
    **{(f"Conv{n}DTranspose", "output_padding"): ((3, 6), "none") for n in (1, 2, 3)},  # from 3.0 on; see `was_lost`
}


def was_lost(class_name: str, option: str, version: Version) -> bool:
    """Whether a file of that version cannot hold an option that the layer may have had. Keras 2 saved all that it has:
    what Keras 3 lost at first is no loss before it."""
    saved_from, _ = NOT_SAVED.get((class_name, option), ((0,), ""))
    return version < saved_from and not (version < (3,) <= saved_from)


def backend_of(weight_names: Sequence[str]) -> str:
    """The backend of a file that does not say it, as none of Keras 1 does; "" if they are not as Keras 1 made them.

    TensorFlow numbers the outputs of what makes a variable ("dense_1_W:0"), Theano gives it a name and nothing more.
    """
    if any(re.search(r":\d+$", name) for name in weight_names):
        return "tensorflow"
    return "theano" if weight_names and all(re.search(r"._[A-Za-z]+$", name) for name in weight_names) else ""


def parse_version(text: str | None) -> Version:
    """ "2.2.4" -> (2, 2, 4); "2.2.4-tf", which is that of TensorFlow and no other's, -> (2, 2, 4, TF_KERAS)."""
    found = re.match(r"\d{1,4}(\.\d{1,4}){0,2}", text or "")
    if not found:
        return UNVERSIONED
    numbers = tuple(int(n) for n in found.group().split("."))
    return (*numbers, *(0,) * (3 - len(numbers)), TF_KERAS) if str(text).endswith("-tf") else numbers


def bilinear_sampling(version: Version, backend: str) -> str:
    """Where UpSampling2D takes bilinear samples: "half_pixel", "asymmetric"; "" if that cannot be known.

    Keras 2.2 and 2.3 called resize_bilinear of TensorFlow, which is asymmetric, and other things of other backends.
    TensorFlow 1.13 and 1.14 did the same, but did not write the option into their files: what they wrote is nearest
    for every reader. 1.15 began to write it, and takes half pixels.
    """
    if version >= (2, 4) or is_of_tensorflow(version):
        return "half_pixel"
    return "asymmetric" if backend == "tensorflow" else ""


def is_of_tensorflow(version: Version) -> bool:
    """Whether tf.keras wrote it; since 2.4 there is no other Keras 2."""
    return (2, 4) <= version < (3,) or version[3:4] == (TF_KERAS,)


def tensorflows(version: Version) -> Sequence[Version]:
    """The versions of TensorFlow that a file of this version may be of, where there is more than one."""
    return TENSORFLOWS.get(version[:3], ()) if is_of_tensorflow(version) else ()


def with_tensorflow(version: Version, tensorflow: Version) -> Version:
    """The version of a file that this TensorFlow wrote."""
    return (*version[:3], TF_KERAS, *tensorflow)


def tensorflow_of(version: Version) -> Version:
    """The version of TensorFlow that wrote a file, as far as it is known; () if it is not."""
    return version[4:]


def ask_tensorflow(version: Version) -> str:
    """What to do where it decides; "" where no answer would help."""
    possible = " or ".join(".".join(map(str, each)) for each in tensorflows(version))
    is_known = not possible or bool(tensorflow_of(version))
    return "" if is_known else f"give --import-option tensorflow={possible}, whichever wrote the file"


INITIALIZERS = frozenset({"GlorotNormal", "GlorotUniform", "Orthogonal", "VarianceScaling"})


def tensorflow_seen(architecture: Any) -> Version:
    """(1,) or (2,), the TensorFlow that wrote a file of "2.2.4-tf": these initializers have a dtype in 1, and none in
    2. () if the file has none of them, or both kinds."""
    found: set[Version] = set()
    pending = [architecture]
    while pending:
        item = pending.pop()
        if isinstance(item, Mapping):
            if str(item.get("class_name")) in INITIALIZERS and isinstance(item.get("config"), Mapping):
                found.add((1,) if "dtype" in item["config"] else (2,))
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
    return found.pop() if len(found) == 1 else ()


def passes_masks_through_relu(version: Version) -> bool:
    """Whether a mask goes on behind a ReLU layer: in tf.keras since TensorFlow 2.5."""
    return version >= (2, 5) or not is_of_tensorflow(version)


def salts_hashes(version: Version, salt: Any) -> bool:
    """Whether Hashing used the salt of its config: tf.keras of TensorFlow 2.3 to 2.5 wrote this one down where it had
    none, and hashed without."""
    return salt is not None and not (version < (2, 6) and salt == [0xDECAFCAFFE, 0xDECAFCAFFE])


def least_deviation(version: Version) -> float | None:
    """What Normalization divides by at least: nothing before TensorFlow 2.4; None where that cannot be known, since
    TensorFlow 2.3 and 2.4 both wrote "2.4.0"."""
    if (2, 4) <= version < (2, 5):
        tensorflow = tensorflow_of(version)
        return None if not tensorflow else 1e-7 if tensorflow >= (2, 4) else 0.0
    return 1e-7 if version >= (2, 5) else 0.0


def zeroes_masked_steps(version: Version, fused: bool) -> bool | None:
    """Whether LSTM and GRU obey `zero_output_for_mask`; None if it cannot be known.

    Those of TensorFlow 2.0 and 2.1 forgot it, where they may use a fused kernel. "2.2.4-tf" is of 1.13 to 2.1,
    "2.3.0-tf" of 2.1 or 2.2.
    """
    tensorflow = tensorflow_of(version)
    if not fused or not is_of_tensorflow(version) or not (2, 2, 4) <= version < (2, 4) or tensorflow[:1] == (1,):
        return True
    if version < (2, 3):
        return False if tensorflow else None
    return tensorflow >= (2, 2) if tensorflow else None


def wants_zeros(class_name: str, config: Mapping[str, Any]) -> bool:
    """Whether a recurrent layer shall give sequences with zeros for masked steps: always in a Bidirectional."""
    inner = config.get("wrapped") if class_name == "Bidirectional" else {"config": config}
    own = inner.get("config") if isinstance(inner, Mapping) else None
    if not isinstance(own, Mapping) or not own.get("return_sequences"):
        return False
    return class_name == "Bidirectional" or bool(own.get("zero_output_for_mask"))


class Meaning(NamedTuple):
    """What layers of a class computed otherwise before a version, in words."""

    name: str
    what: str
    before: Version


MEANINGS: Sequence[Meaning] = (
    Meaning("CenterCrop", "whole numbers stay what they are", before=(2, 8)),
    Meaning("RandomCrop", "the middle of what was resized to cover the shape", before=(2, 7)),
    Meaning("UnitNormalization", "nothing is divided by less than 1e-6", before=(3, 6)),
)


def meanings(class_name: str, config: Mapping[str, Any], version: Version) -> list[str]:
    """What a layer of that version computed otherwise than today, in words."""
    found = [row.what for row in MEANINGS if row.name == class_name and version < row.before]
    salt = config.get("salt")
    if class_name == "Hashing" and salt is not None and not salts_hashes(version, salt):
        found.append("the salt was not used")
    if wants_zeros(class_name, config) and not zeroes_masked_steps(version, fused=True):
        found.append("a fused kernel made no zeros for masked steps")
    return found


def may_not_cast(version: Version) -> bool:
    """Whether a layer may have computed in the dtype of its input instead of its own: "2.2.4-tf" is of TensorFlow 1,
    which did so, or 2, which did not."""
    return is_of_tensorflow(version) and version < (2, 3) and tensorflow_of(version) < (2,)


def mean_overflows(version: Version) -> bool:
    """Whether the mean of whole numbers of 8 and 16 bits may be that of a sum that has overflown: before TensorFlow
    2.3, as seen of 1.13 to 2.1."""
    return version < (2, 4)


def averages_padding(version: Version) -> bool:
    """Whether an average with padding "same" counts the zeros that it adds: Keras 2.0.4 to 2.1.4 on Theano."""
    return (2, 0, 4) <= version < (2, 1, 5)


def keeps_padded_volumes(version: Version) -> bool:
    """Whether a pool of volumes with padding "same" keeps all that it makes: Keras 2.0.0 to 2.1.5 on Theano."""
    return (2,) <= version < (2, 1, 6)


def outputs_first_state(version: Version, backend: str) -> bool:
    """Whether a recurrent layer gives its first state, not 0, before the first step that counts: on TensorFlow up to
    Keras 2.2.4. (That is 0 itself unless the layer is called with states.)"""
    return version < (2, 2, 5) and not is_of_tensorflow(version) and backend == "tensorflow"


def multiplies_matrices(version: Version, backend: str) -> bool | None:
    """Whether Dot of four dimensions multiplies the last two as matrices, for each of the others: on TensorFlow before
    Keras 2.3 and TensorFlow 2.0. None: it is not known, for the file may be of TensorFlow 1 or 2, or is of CNTK."""
    if version >= (2, 3) or (backend == "theano" and not is_of_tensorflow(version)):
        return False
    if not is_of_tensorflow(version):
        return True if backend == "tensorflow" else None
    return tensorflow_of(version) < (2,) if tensorflow_of(version) else None


def keeps_deviation(version: Version) -> bool:
    """Whether BatchNormalization's `running_std` is what its name says; it was the variance from Keras 1.0.6 on."""
    return (1, 0, 0) <= version < (1, 0, 6)


def merges_masks(version: Version) -> str:
    """Where a step counts behind layers that merge: where "all" inputs with masks do, up to Keras 2; where "any" input
    does, since Keras 3.4, and Multiply, Maximum and Minimum look at masks themselves; "": masks end there, in between,
    and at Attention and AdditiveAttention.
    """
    return "any" if version >= (3, 4) else "" if version >= (3,) else "all"


def least_square(version: Version) -> float:
    """What the sum of squares is at least by which UnitNormalization divides: since Keras 3.6 the square of the
    epsilon, which was compared with the sum itself before."""
    return 1e-24 if version >= (3, 6) else 1e-12


def keeps_last_of_one(version: Version) -> bool:
    """Whether one_hot of CategoryEncoding and Discretization keeps a last dimension of 1: Keras 3.0 to 3.3."""
    return (3,) <= version < (3, 4)


def misplaces_sizes(version: Version) -> bool:
    """Whether UpSampling2D with channels first that interpolates makes rows of columns, and columns of channels: Keras
    3.0 and 3.1 as seen, 3.3 no more."""
    return (3,) <= version < (3, 3)


def dtype_of_bins(version: Version, compute: str) -> str:
    """The dtype of the bins that Discretization counts: int64 in 2.6 and 2.7, whatever the layer's dtype; that, or
    int32 for floats, before and since.
    """
    if (2, 6) <= version < (2, 8):
        return "int64"
    return "int32" if compute in FLOATS else compute


def dtype_of_hashes(version: Version, compute: str) -> str:
    """The dtype of the numbers that Hashing gives: int64 before 2.8, the layer's where it is one of integers since."""
    return compute if compute in INTEGERS and version >= (2, 8) else "int64"


def resizes_to_float32(version: Version) -> bool:
    """Whether Resizing gives float32, "nearest" what it was given, whatever the layer's dtype: before 2.8."""
    return version < (2, 8)


def heads_see_masks(version: Version) -> bool:
    """Whether MultiHeadAttention sees the masks of its inputs, and passes that of the queries on: since Keras 2.10."""
    return version >= (2, 10)


def softmax_of_masked(version: Version) -> str:
    """What a Softmax layer with a mask does: "ignores" it; "masks", which leaves equal shares where nothing counts;
    "zeros" there; "" if it cannot be known.

    The mask came with TensorFlow 2.4; files of 2.3 say "2.4.0", too. The zeros came with Keras 3.10.
    """
    if version >= (3, 10):
        return "zeros"
    if (2, 4) <= version < (2, 5):
        tensorflow = tensorflow_of(version)
        return "" if not tensorflow else "masks" if tensorflow >= (2, 4) else "ignores"
    return "masks" if version >= (2, 5) else "ignores"


def modern_class(name: str) -> str:
    return CLASSES.get(name, name)


def modern_config(class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with today's option names; `class_name` is today's."""
    modern = dict(config)
    for key in KEYS:
        old = key.old.split()
        if (key.classes != "*" and class_name not in key.classes.split()) or not all(k in modern for k in old):
            continue
        values = [modern.pop(k) for k in old]
        value = values[0] if len(values) == 1 else values
        if key.values is not None and isinstance(value, str):
            value = key.values.get(value, value)
        modern.setdefault(key.new, value)
    return modern


def defaults(name: str, version: Version) -> dict[str, Any]:
    """The options of a class or activation that had another default, or meaning, in that version."""
    return {row.key: row.value for row in DEFAULTS if row.name == name and row.holds(version)}


def meaning_changed(name: str, version: Version) -> bool:
    """Whether today's Keras takes a name of that version for something else."""
    return any(row.name == name and row.holds(version) for row in DEFAULTS)


def modern_weight(class_name: str, name: str, weight: Array, config: Mapping[str, Any], version: Version) -> Array:
    """A weight in today's layout."""
    if (class_name, name) == ("BatchNormalization", "moving_variance") and keeps_deviation(version):
        epsilon = float(config.get("epsilon", 1e-6))
        return ((weight.astype(np.float64) + epsilon) ** 2 - epsilon).astype(weight.dtype)
    convert = OLD_WEIGHTS.get((class_name, name)) if version < (2,) else None
    return convert(weight, config) if convert else weight

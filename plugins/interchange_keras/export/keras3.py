"""What Keras 3 knows: the options of its layers that say anything about inference, by class (Keras 3.15)."""

from __future__ import annotations

from collections.abc import Mapping

WRITTEN_FOR = "3.15.1"
_TABLE = """
Activation: activation
ActivityRegularization: l1 l2
AutoContrast: data_format value_range
AugMix: all_ops alpha chain_depth data_format factor interpolation num_chains value_range
AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D
    AdaptiveMaxPooling2D AdaptiveMaxPooling3D: data_format output_size
Add Average Identity Maximum Minimum Multiply Subtract:
AdditiveAttention Attention: score_mode use_scale
AlphaDropout Dropout: noise_shape rate
AveragePooling1D AveragePooling2D AveragePooling3D MaxPooling1D MaxPooling2D MaxPooling3D: data_format padding
    pool_dimensions pool_mode pool_size strides
BatchNormalization: axis center epsilon momentum renorm renorm_clipping renorm_momentum scale synchronized
Bidirectional: backward_layer layer merge_mode
CategoryEncoding: num_tokens output_mode
CenterCrop: bounding_box_format data_format factor height width
Concatenate Softmax UnitNormalization: axis
ContrastLimitedAdaptiveHistogramEqualization: bounding_box_format clip_limit data_format factor tile_grid_size
    value_range
Conv1D Conv2D Conv3D: activation data_format dilation_rate filters groups kernel_size padding strides use_bias
Conv1DTranspose Conv2DTranspose Conv3DTranspose: activation data_format dilation_rate filters kernel_size
    output_padding padding strides use_bias
ConvLSTM1D ConvLSTM2D ConvLSTM3D: activation data_format dilation_rate filters go_backwards kernel_size padding
    recurrent_activation return_sequences return_state strides use_bias zero_output_for_mask
Cropping1D: cropping
Cropping2D Cropping3D: cropping data_format
Dense SimpleRNNCell: activation units use_bias
DepthwiseConv1D DepthwiseConv2D: activation data_format depth_multiplier dilation_rate kernel_size padding
    strides use_bias
Discretization: bin_boundaries epsilon num_bins output_mode
Dot: axes normalize
ELU: alpha
EinsumDense: activation bias_axes equation gptq_unpacked_column_size output_shape
Embedding: input_dim mask_zero output_dim
Equalization: bins data_format value_range
Flatten: data_format
GRU: activation go_backwards recurrent_activation reset_after return_sequences return_state units use_bias
    zero_output_for_mask
GRUCell: activation recurrent_activation reset_after units use_bias
GaussianDropout SpatialDropout1D: rate
GaussianNoise: stddev
GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D
    GlobalMaxPooling3D: data_format keepdims pool_dimensions
GroupQueryAttention: dropout flash_attention head_dim num_key_value_heads num_query_heads sliding_window use_bias
    use_gate
GroupNormalization: axis center epsilon groups scale
HashedCrossing: num_bins output_mode
Hashing: mask_value num_bins output_mode salt
IntegerLookup: idf_weights invert mask_token max_tokens num_oov_indices oov_method oov_token output_mode
    pad_to_max_tokens salt vocabulary vocabulary_dtype vocabulary_size
LSTM: activation go_backwards recurrent_activation return_sequences return_state units use_bias
    zero_output_for_mask
LSTMCell: activation recurrent_activation units use_bias
LayerNormalization: axis center epsilon scale
LeakyReLU: negative_slope
Masking: mask_value
MaxNumBoundingBoxes: data_format max_number
MelSpectrogram: fft_length mag_exp max_freq min_freq min_power num_mel_bins power_to_db ref_power sampling_rate
    sequence_length sequence_stride top_db window
MultiHeadAttention: attention_axes dropout flash_attention key_dim num_heads output_shape sliding_window use_bias
    use_gate value_dim
Normalization: axis invert mean variance
PReLU: shared_axes
Permute: dims
RMSNormalization: axis epsilon
RNN: cell go_backwards return_sequences return_state zero_output_for_mask
RandAugment: data_format factor interpolation num_ops value_range
RandomBrightness RandomContrast: factor value_range
RandomColorDegeneration RandomHue RandomInvert RandomPosterization RandomSaturation RandomSharpness: data_format
    factor value_range
RandomColorJitter: brightness_factor contrast_factor data_format hue_factor saturation_factor value_range
RandomCrop: data_format height width
RandomElasticTransform: data_format factor fill_mode fill_value interpolation scale value_range
RandomErasing: data_format factor fill_value scale value_range
RandomFlip: data_format mode
RandomGaussianBlur: data_format factor kernel_size sigma value_range
RandomGrayscale: data_format factor
RandomPerspective: data_format factor fill_value interpolation scale
RandomRotation: data_format factor fill_mode fill_value interpolation
RandomShear: data_format fill_mode fill_value interpolation x_factor y_factor
RandomTranslation RandomZoom: data_format fill_mode fill_value height_factor interpolation width_factor
ReLU: max_value negative_slope threshold
RepeatVector: n
Rescaling: offset scale
Reshape: target_shape
Resizing: antialias bounding_box_format crop_to_aspect_ratio data_format factor fill_mode fill_value height
    interpolation pad_to_aspect_ratio width
ReversibleEmbedding: input_dim logit_soft_cap mask_zero output_dim reverse_dtype tie_weights
SeparableConv1D SeparableConv2D: activation data_format depth_multiplier dilation_rate filters kernel_size
    padding strides use_bias
STFTSpectrogram: data_format expand_dims fft_length frame_length frame_step mode padding periodic scaling window
SimpleRNN: activation go_backwards return_sequences return_state units use_bias zero_output_for_mask
SpatialDropout2D SpatialDropout3D: data_format rate
StringLookup: encoding idf_weights invert mask_token max_tokens num_oov_indices oov_method oov_token output_mode
    pad_to_max_tokens salt vocabulary vocabulary_size
TextVectorization: encoding idf_weights max_tokens ngrams output_mode output_sequence_length pad_to_max_tokens split
    standardize vocabulary vocabulary_size
TimeDistributed: layer
UpSampling1D: size
UpSampling2D: data_format interpolation size
UpSampling3D: data_format size
ZeroPadding1D ZeroPadding2D ZeroPadding3D: data_format padding
"""


# Layers of Keras 3 that are not written, and why.
UNWRITTEN: Mapping[str, str] = {
    "RandomShear": "Keras 3.15 does not open what it writes of this layer",
}


def _options() -> dict[str, frozenset[str]]:
    rows = (line.partition(":") for line in _TABLE.replace("\n    ", " ").strip().split("\n"))
    return {name: frozenset(options.split()) for names, _, options in rows for name in names.split()}


OPTIONS: Mapping[str, frozenset[str]] = _options()

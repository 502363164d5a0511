"""The domain interchange: what Keras needs and no domain of ONNX has."""

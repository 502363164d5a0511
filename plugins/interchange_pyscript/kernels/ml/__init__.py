"""The domain ai.onnx.ml: what scikit-learn and its like are exported to."""

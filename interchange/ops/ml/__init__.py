"""The domain ai.onnx.ml: what scikit-learn and its like are exported to. Operators are named "ai.onnx.ml.Scaler"."""

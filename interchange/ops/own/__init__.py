"""The domain "interchange": what Keras's texts and hashes need and ONNX has no operator for.

The ONNX exporter writes those of them that it can as subgraphs (interchange_onnx.own).
"""

"""Turn a trained Keras digit model into TFLite and ONNX files with checked parity."""

"""Gradio's `Interface` with its queue, on ONNX Runtime."""

import json
import sys
from pathlib import Path

import gradio
import numpy as np
import onnxruntime
from PIL import Image

folder, port = Path(sys.argv[1]), int(sys.argv[2])
class_names = json.loads((folder / "card.json").read_text())["class_names"]
session = onnxruntime.InferenceSession(folder / "model.onnx")
input_name = session.get_inputs()[0].name


def classify(image: Image.Image) -> dict[str, float]:
    pixels = np.asarray(image.resize((32, 32)), np.float32)
    probabilities = session.run(None, {input_name: pixels[None]})[0][0]
    return dict(zip(class_names, probabilities.tolist()))


interface = gradio.Interface(classify, gradio.Image(type="pil"), gradio.Label(), api_name="classify")
interface.queue().launch(server_name="127.0.0.1", server_port=port, quiet=True)

"""The expert's way: FastAPI in one process, ONNX Runtime in float32 on one thread, nothing stored.

With --draft a JPEG is decoded at an eighth of its size, or the smallest scale that leaves enough pixels. The endpoint
is not a coroutine, so FastAPI runs it in threads and decodes several uploads at once: Pillow and ONNX Runtime release
the GIL.
"""

import io
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, UploadFile
from PIL import Image

folder, port, draft = Path(sys.argv[1]), int(sys.argv[2]), "--draft" in sys.argv
class_names = json.loads((folder / "card.json").read_text())["class_names"]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(folder / "model.onnx", options)
input_name = session.get_inputs()[0].name
app = FastAPI()


@app.post("/")
def classify(image: UploadFile) -> dict:
    picture = Image.open(io.BytesIO(image.file.read()))
    if draft:
        picture.draft("RGB", (32, 32))
    pixels = np.asarray(picture.convert("RGB").resize((32, 32)), np.float32)
    probabilities = session.run(None, {input_name: pixels[None]})[0][0]
    return {"class": class_names[int(probabilities.argmax())], "probabilities": probabilities.tolist()}


uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")

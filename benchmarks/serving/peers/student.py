"""The student's way: FastAPI in one Uvicorn process, the file on the disk, `keras.Model.predict` for every request."""

import json
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import uvicorn
from fastapi import FastAPI, UploadFile
from PIL import Image

folder, port = Path(sys.argv[1]), int(sys.argv[2])
class_names = json.loads((folder / "card.json").read_text())["class_names"]
model = keras.saving.load_model(folder / "model.keras")
uploads = Path(tempfile.mkdtemp())
app = FastAPI()


@app.post("/")
async def classify(image: UploadFile) -> dict:
    path = uploads / Path(image.filename).name
    path.write_bytes(await image.read())
    pixels = np.array(Image.open(path).convert("RGB").resize((32, 32)), np.float32)
    probabilities = model.predict(pixels[None], verbose=0)[0]
    return {"class": class_names[int(probabilities.argmax())], "probabilities": probabilities.tolist()}


uvicorn.run(app, host="127.0.0.1", port=port)

"""LitServe, which gathers requests into batches, on ONNX Runtime."""

import io
import json
import sys
from pathlib import Path

import litserve
import numpy as np
import onnxruntime
from PIL import Image


class Classifier(litserve.LitAPI):
    def setup(self, device: str) -> None:
        folder = Path(sys.argv[1])
        self.class_names = json.loads((folder / "card.json").read_text())["class_names"]
        self.session = onnxruntime.InferenceSession(folder / "model.onnx")
        self.input_name = self.session.get_inputs()[0].name

    def decode_request(self, request) -> np.ndarray:
        picture = Image.open(io.BytesIO(request["image"].file.read()))
        return np.asarray(picture.convert("RGB").resize((32, 32)), np.float32)

    def predict(self, batch: np.ndarray) -> np.ndarray:
        return self.session.run(None, {self.input_name: batch})[0]

    def encode_response(self, probabilities: np.ndarray) -> dict:
        return {"class": self.class_names[int(probabilities.argmax())], "probabilities": probabilities.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(
        Classifier(max_batch_size=8, batch_timeout=0.005, api_path="/classify"), accelerator="cpu"
    )
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="warning")

"""The expert who stores what the site stores: FastAPI, ONNX Runtime, a file, a thumbnail, two rows and a page.

SQLAlchemy on SQLite, Jinja for the page. `thumbnail` decodes a JPEG at the scale that it needs, and the network gets
its pixels from the thumbnail. With --processes 2 Uvicorn starts as many.
"""

import hashlib
import io
import json
import os
import sys
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, Request, UploadFile
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from PIL import Image
from sqlalchemy import JSON, ForeignKey, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

folder, port = Path(sys.argv[1]), int(sys.argv[2])
processes = int(sys.argv[4]) if "--processes" in sys.argv else 1
# The processes that Uvicorn starts share the files that the first one has created.
store = Path(os.environ.setdefault("STORE", tempfile.mkdtemp()))


class Base(DeclarativeBase):
    pass


class Upload(Base):
    __tablename__ = "upload"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    name: Mapped[str]
    sha256: Mapped[str]
    format: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    size: Mapped[int]
    created: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC), index=True)


class Prediction(Base):
    __tablename__ = "prediction"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    upload_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("upload.id"), index=True)
    upload: Mapped[Upload] = relationship()
    class_name: Mapped[str]
    confidence: Mapped[float]
    probabilities: Mapped[list[float]] = mapped_column(JSON)


engine = create_engine(f"sqlite:///{store / 'db.sqlite3'}")


@event.listens_for(engine, "connect")
def write_ahead(connection, _record) -> None:
    connection.execute("PRAGMA journal_mode=WAL")


class_names = json.loads((folder / "card.json").read_text())["class_names"]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(folder / "model.onnx", options)
input_name = session.get_inputs()[0].name
templates = Jinja2Templates(Path(__file__).parent / "templates")
app = FastAPI()


@app.post("/")
def classify(request: Request, image: UploadFile) -> HTMLResponse:
    content = image.file.read()
    picture = Image.open(io.BytesIO(content))
    upload = Upload(
        id=uuid.uuid4(),
        name=image.filename,
        sha256=hashlib.sha256(content).hexdigest(),
        format=picture.format,
        width=picture.width,
        height=picture.height,
        size=len(content),
    )
    picture.thumbnail((320, 320))
    thumbnail = picture.convert("RGB")
    pixels = np.asarray(thumbnail.resize((32, 32)), np.float32)
    probabilities = session.run(None, {input_name: pixels[None]})[0][0]
    (store / f"{upload.id}.original").write_bytes(content)
    thumbnail.save(store / f"{upload.id}.thumbnail.jpg")
    best = int(probabilities.argmax())
    prediction = Prediction(
        upload=upload,
        class_name=class_names[best],
        confidence=float(probabilities[best]),
        probabilities=probabilities.tolist(),
    )
    with Session(engine, expire_on_commit=False) as database:
        database.add(prediction)
        database.commit()
    ranking = sorted(zip(class_names, prediction.probabilities), key=lambda pair: -pair[1])
    context = {"upload": upload, "prediction": prediction, "ranking": ranking}
    return templates.TemplateResponse(request, "result.html", context)


if __name__ == "__main__":
    Base.metadata.create_all(engine)
    sys.path.insert(0, str(Path(__file__).parent))
    served = app if processes == 1 else "storing_expert:app"
    # On a busy machine, Uvicorn would consider a process dead that does not respond within five seconds.
    run_options = {"workers": processes, "timeout_worker_healthcheck": 60}
    uvicorn.run(served, host="127.0.0.1", port=port, log_level="warning", **run_options)

// Small pictures of files, drawn for the rows that are on the screen alone, one after the other: hundreds of photographs
// are never in memory at once.
class UploadThumbnails {
  constructor(list) {
    this.files = new WeakMap();
    this.turn = Promise.resolve();
    this.seen = new IntersectionObserver((changes) => changes.forEach((change) => this.show(change)), { root: list });
  }

  add(canvas, file) {
    this.files.set(canvas, file);
    this.seen.observe(canvas);
  }

  show({ isIntersecting, target: canvas }) {
    if (!isIntersecting) return;
    this.seen.unobserve(canvas);
    this.turn = this.turn.then(() => this.draw(canvas)).catch(() => (canvas.dataset.unreadable = ""));
    this.turn.then(() => this.drawStored(canvas));
  }

  async draw(canvas) {
    const picture = await createImageBitmap(this.files.get(canvas));
    this.paint(canvas, picture, picture.width, picture.height);
    picture.close();
  }

  // A kind that the browser cannot read is shown as the site's own thumbnail, once there is one.
  drawStored(canvas) {
    if (!("unreadable" in canvas.dataset && canvas.dataset.stored)) return;
    const picture = new Image();
    picture.onload = () => this.paint(canvas, picture, picture.naturalWidth, picture.naturalHeight);
    picture.src = canvas.dataset.stored;
  }

  // The middle of the picture, as large as the canvas.
  paint(canvas, picture, width, height) {
    const side = Math.min(width, height);
    const from = [(width - side) / 2, (height - side) / 2, side, side];
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, ...from, 0, 0, canvas.width, canvas.height);
  }
}

// Photos of a class with the camera: they are taken as long as the button, or the space bar on it, is held.
(() => {
  const EVERY = 250; // milliseconds
  const SIDE = 640;
  const dialog = document.querySelector("[data-camera]");
  const [video, shutter, count, fault] = ["video", "[data-shutter]", "[data-count]", "[data-fault]"].map((one) => dialog.querySelector(one));
  let className = "";
  let stream = null;
  let timer = null;
  let taken = [];

  const close = () => {
    release();
    stream?.getTracks().forEach((track) => track.stop());
    stream = video.srcObject = null;
  };

  const open = async (name) => {
    className = name;
    dialog.querySelector("[data-of]").textContent = name;
    count.textContent = fault.textContent = "";
    shutter.disabled = true;
    dialog.showModal();
    try {
      const asked = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      if (!dialog.open) return asked.getTracks().forEach((track) => track.stop());
      stream = video.srcObject = asked;
      await video.play();
      shutter.disabled = false;
      shutter.focus();
    } catch {
      fault.textContent = dialog.dataset.refused;
    }
  };

  const take = () => {
    const scale = Math.min(1, SIDE / Math.min(video.videoWidth, video.videoHeight));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(scale * video.videoWidth);
    canvas.height = Math.round(scale * video.videoHeight);
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    const name = `camera ${new Date().toISOString().replace(/[:.]/g, "-")}.jpg`;
    taken.push(new Promise((resolve) => {
      canvas.toBlob((blob) => resolve(new File([blob], name, { type: "image/jpeg" })), "image/jpeg", 0.92);
    }));
    count.textContent = dialog.dataset.taken.replace("{count}", taken.length);
  };

  const press = () => {
    if (timer || shutter.disabled) return;
    take();
    timer = setInterval(take, EVERY);
  };

  const release = async () => {
    clearInterval(timer);
    timer = null;
    const photos = taken;
    taken = [];
    if (photos.length) document.dispatchEvent(new CustomEvent("classes:add", { detail: [[className, await Promise.all(photos)]] }));
  };

  const isPress = (event) => event.key === " " || event.key === "Enter";
  shutter.addEventListener("pointerdown", (event) => {
    shutter.setPointerCapture(event.pointerId);
    press();
  });
  for (const name of ["pointerup", "pointercancel", "blur"]) shutter.addEventListener(name, release);
  shutter.addEventListener("keydown", (event) => {
    if (!isPress(event)) return;
    event.preventDefault();
    if (!event.repeat) press();
  });
  shutter.addEventListener("keyup", (event) => isPress(event) && release());
  shutter.addEventListener("contextmenu", (event) => event.preventDefault());
  dialog.addEventListener("close", close);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-camera-for]");
    if (button) open(button.dataset.cameraFor);
  });
})();

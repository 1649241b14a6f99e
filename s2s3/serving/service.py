"""What each address of the server does."""

import asyncio
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from nnunetv2.overlays.rendering import rgb_to_hex
from nnunetv2.serving.answers import ANSWERS, write_answer
from nnunetv2.serving.connections import while_connected
from nnunetv2.serving.image_model import ImageModel
from nnunetv2.serving.prediction_queue import PredictionQueue
from nnunetv2.serving.refusals import RequestRefused
from nnunetv2.serving.service_limits import ServiceLimits
from nnunetv2.serving.uploaded_image import check_size, image_ending

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src blob: data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Service:
    """A model, its limits and its queue."""

    model: ImageModel
    limits: ServiceLimits
    queue: PredictionQueue

    async def predict(self, request: Any, output: str) -> Any:
        """Return the labels of the image in the body of a request. Raises RequestRefused."""
        from starlette.responses import Response

        if output not in ANSWERS:
            raise RequestRefused(422, f"output is {output!r:.40}, expected one of {', '.join(ANSWERS)}")
        self.queue.require_room()
        with tempfile.TemporaryDirectory(prefix="drift_serve_") as folder:
            image = await self._received(request, Path(folder))
            work = self.queue.run(lambda: self._answer(image, output))
            content = await while_connected(request, work)
        return Response(content, media_type=ANSWERS[output][1], headers=HEADERS)

    def _answer(self, image: Path, output: str) -> bytes:
        check_size(image, self.limits.image_pixels)
        labels = self.model.predict(image)
        return write_answer(labels, self.model, output, image.parent).read_bytes()

    async def _received(self, request: Any, folder: Path) -> Path:
        """Write the body of a request to a file with the ending of its kind."""
        self._require_fit(request.headers.get("content-length", ""))
        body = folder / "body"
        try:
            await asyncio.wait_for(self._write(request, body), self.limits.upload_seconds)
        except asyncio.TimeoutError:
            raise RequestRefused(
                408, f"the image took more than {self.limits.upload_seconds} seconds to arrive"
            ) from None
        with body.open("rb") as stream:
            ending = image_ending(stream.read(8))
        return body.rename(folder / f"image_0000{ending}")

    async def _write(self, request: Any, body: Path) -> None:
        from starlette.requests import ClientDisconnect

        size = 0
        with body.open("wb") as stream:
            try:
                async for part in request.stream():
                    size += len(part)
                    self._require_fit(str(size))
                    stream.write(part)
            except ClientDisconnect:
                raise RequestRefused(400, "the connection ended before the image was complete") from None

    def _require_fit(self, size: str) -> None:
        """Raise RequestRefused for more bytes than allowed; the HTTP server refuses a length that is no number."""
        most = self.limits.image_bytes
        if size.isdecimal() and (len(size) > 20 or int(size) > most):
            raise RequestRefused(413, f"the image has more than {most} bytes")

    async def model_facts(self) -> Any:
        """Return name, classes with their values and colours, channels and limits of the model."""
        classes = {
            name: {"value": value, "colour": rgb_to_hex(self.model.colours[name])}
            for name, value in self.model.classes.items()
        }
        limits = {"bytes": self.limits.image_bytes, "pixels": self.limits.image_pixels}
        channels = self.model.channels
        return {"model": self.model.name, "classes": classes, "channels": channels, "limits": limits}

    async def health(self) -> Any:
        """Answer, as long as the server lives."""
        return {"status": "alive"}

    async def ready(self) -> Any:
        """Answer whether an image would be accepted. Raises RequestRefused if the queue is full."""
        self.queue.require_room()
        return {"status": "ready"}

    async def page(self) -> Any:
        """Return the page on which images can be tried."""
        from starlette.responses import HTMLResponse

        text = resources.files("nnunetv2.serving").joinpath("page.html").read_text(encoding="utf-8")
        return HTMLResponse(text, headers=HEADERS)

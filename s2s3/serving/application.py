"""The HTTP interface of a served model.

POST /predict?output=png|tiff|geojson   body: a PNG, TIFF or JPEG file
GET  /model /health /ready /            what the model is, whether the server lives, whether it has room, the page
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from nnunetv2.errors import SettingsError
from nnunetv2.serving.image_model import ImageModel
from nnunetv2.serving.prediction_queue import PredictionQueue
from nnunetv2.serving.refusals import RequestRefused
from nnunetv2.serving.service import HEADERS, Service
from nnunetv2.serving.service_limits import ServiceLimits


def require_packages() -> None:
    """Raise SettingsError, which says what to install, if the packages of the server are missing."""
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise SettingsError("drift serve needs fastapi and uvicorn: pip install nnunetv2[serve]") from None


def make_application(model: ImageModel, limits: ServiceLimits, hosts: Sequence[str], queue: PredictionQueue) -> Any:
    """Return the FastAPI application of a model.

    Parameters:
        queue: in which images are predicted; it is closed when the application ends.
        hosts: names by which the server may be called; `*` for any.
    """
    from fastapi import FastAPI, Request
    from fastapi.responses import JSONResponse
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    service = Service(model, limits, queue)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        yield
        service.queue.close(limits.ending_seconds)

    async def predict(request: Request, output: str = "png") -> Any:
        return await service.predict(request, output)

    async def refused(_: Request, error: Exception) -> Any:
        status = error.status if isinstance(error, RequestRefused) else 500
        return JSONResponse(
            {"error": str(error)}, status, {**HEADERS, **({"Retry-After": "5"} if status == 503 else {})}
        )

    application = FastAPI(title=f"DRIFT: {model.name}", docs_url=None, redoc_url=None, lifespan=lifespan)
    application.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    application.add_exception_handler(RequestRefused, refused)
    application.add_api_route("/predict", predict, methods=["POST"], response_model=None)
    answers = {"/": service.page, "/model": service.model_facts, "/health": service.health, "/ready": service.ready}
    for path, answer in answers.items():
        application.add_api_route(path, answer, methods=["GET"], response_model=None)
    return application

"""Work for a request only as long as somebody waits for its answer."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from nnunetv2.serving.refusals import RequestRefused

Result = TypeVar("Result")


async def while_connected(request: Any, work: Coroutine[Any, Any, Result]) -> Result:
    """Return what the work returns; cancel it and raise RequestRefused once the connection of the request has ended.

    Parameters:
        request: of starlette, whose body was received.
    """
    answer, gone = asyncio.ensure_future(work), asyncio.ensure_future(_end_of(request))
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        raise RequestRefused(400, "the connection ended before the image was predicted")
    finally:
        answer.cancel()
        gone.cancel()


async def _end_of(request: Any) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass

"""Connections that send no request, or take no answer, are closed, so that they do not keep others out."""

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from nnunetv2.serving.service_limits import ServiceLimits


class ImpatientProtocol(H11Protocol):
    """Closes a connection that waits too long for the head of a request, or for the client to take some of an answer.

    The head has to arrive within that time from the connection on, or from when the last answer was taken, however many
    bytes trickle in. The body of a request has another limit. An answer may take as long as it wants if some of it is
    taken within each such time.
    """

    most_seconds: ClassVar[float] = ServiceLimits.connection_seconds
    _deadline: asyncio.TimerHandle | None = None
    _bytes_left = 0
    """Of what is written, when the time began."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._begin()

    def data_received(self, data: bytes) -> None:
        """Stop waiting if the head of a request is complete."""
        super().data_received(data)
        if not self._waits():
            self._end()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request, unless it is there already."""
        super().on_response_complete()
        self._begin_anew()

    def pause_writing(self) -> None:
        """Begin to wait for the client to take what is written."""
        super().pause_writing()
        self._begin()

    def resume_writing(self) -> None:
        """Stop waiting for the client."""
        super().resume_writing()
        self._begin_anew()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._end()
        super().connection_lost(exc)

    def _waits(self) -> bool:
        """Tell whether it is the client's turn, to send a request or to take an answer."""
        return self.cycle is None or self.cycle.response_complete or self.flow.write_paused

    def _begin_anew(self) -> None:
        self._end()
        if self._waits():
            self._begin()

    def _begin(self) -> None:
        self._end()
        self._bytes_left = self.transport.get_write_buffer_size()
        self._deadline = self.loop.call_later(self.most_seconds, self._time_is_over)

    def _time_is_over(self) -> None:
        """Give more time to a client that took some; nothing is written while it is to take much (`FlowControl`)."""
        if self.transport.get_write_buffer_size() < self._bytes_left:
            self._begin()
        else:
            self.transport.abort()

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def server_settings(limits: ServiceLimits) -> dict[str, Any]:
    """Return the arguments of uvicorn.Config that bound what connections may cost."""
    return {
        "http": type("Protocol", (ImpatientProtocol,), {"most_seconds": limits.connection_seconds}),
        "ws": "none",
        "limit_concurrency": 4 * limits.requests + 16,
        "timeout_keep_alive": 5,
        "timeout_graceful_shutdown": 30,
    }

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

from nnunetv2.foundation import stop_signals
from nnunetv2.foundation.stop_signals import Stopped, signals_watched, stops_deferred, stops_ignored

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


@pytest.fixture(autouse=True)
def _default_handlers() -> Iterator[None]:
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 138)])
def test_a_signal_ends_a_command_at_once(number: int, code: int) -> None:
    with pytest.raises(Stopped) as stopped, signals_watched():
        send(number)

    assert stopped.value.code == code
    assert stopped.value.signal == signal.Signals(number).name
    assert signal.getsignal(number) is signal.SIG_DFL


@pytest.mark.parametrize("number", SIGNALS)
def test_a_deferred_signal_is_noted_and_a_later_one_ends_at_once(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with signals_watched():
        with suppress(Stopped), stops_deferred() as request:
            assert (request.watched, request.number) == (True, 0)
            send(number)
            send(signal.SIGTERM)
            assert request.number == number, "another one of the same moment changes nothing"
            monkeypatch.setattr(stop_signals, "SECONDS_OF_ONE_REQUEST", 0)
            send(signal.SIGTERM)
            pytest.fail("the second signal was not obeyed")
        with pytest.raises(Stopped):
            send(number)


def test_a_request_that_nobody_obeyed_ends_the_command_afterwards() -> None:
    done = []

    def work() -> None:
        with signals_watched(), stops_deferred():
            send(signal.SIGTERM)
            done.append("the step")

    with pytest.raises(Stopped, match="143"):
        work()
    assert done == ["the step"]


def test_the_signals_of_another_program_are_left_to_it() -> None:
    received: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    with stops_deferred() as request:
        send(signal.SIGTERM)
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
    assert (received, request.watched, request.number) == ([signal.SIGTERM], False, 0)


def test_signals_that_are_ignored_stay_ignored() -> None:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    with signals_watched(), stops_deferred():
        send(signal.SIGUSR1)
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN


def test_nothing_stops_what_must_not_be_left_half_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop_signals, "SECONDS_OF_ONE_REQUEST", 0)
    with signals_watched(), suppress(Stopped), stops_deferred() as request:
        send(signal.SIGUSR1)
        with stops_ignored():
            for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
                send(number)
        assert request.number == signal.SIGUSR1
        send(signal.SIGTERM)
        pytest.fail("afterwards they are obeyed")
    received: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    with stops_ignored():
        send(signal.SIGTERM)
    assert received == [signal.SIGTERM], "handlers of other programs stay"

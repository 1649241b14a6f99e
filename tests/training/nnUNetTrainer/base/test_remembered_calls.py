from types import SimpleNamespace

import pytest

from nnunetv2.training.nnUNetTrainer.base.remembered_calls import results_of


class Base:
    def answer(self, number: int = 0) -> int:
        return number

    def ask(self) -> None:
        self.answer(1)
        self.answer(number=2)


class Doubled(Base):
    def answer(self, number: int = 0) -> int:
        return 2 * super().answer(number)


def test_results_are_those_of_the_override() -> None:
    owner = Doubled()
    with results_of(owner, "answer") as results:
        owner.ask()
    owner.ask()

    assert results == [2, 4]
    assert vars(owner) == {}


def test_a_function_that_was_set_on_the_object_stays_there_also_after_an_error() -> None:
    def answer(divisor: int) -> float:
        return 14 / divisor

    owner = SimpleNamespace(answer=answer)
    with results_of(owner, "answer") as results:
        owner.answer(2)
    with pytest.raises(ZeroDivisionError), results_of(owner, "answer"):
        owner.answer(0)

    assert results == [7]
    assert owner.answer is answer

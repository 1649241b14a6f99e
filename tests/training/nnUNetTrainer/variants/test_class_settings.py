from nnunetv2.training.nnUNetTrainer.variants.class_settings import ClassSettings


class Trainer:
    def __init__(self, plans: str, fold: int = 0):
        self.plans = plans
        self.fold = fold
        self.num_epochs = 1000
        self.initial_lr = 0.01


class Short(ClassSettings, Trainer):
    num_epochs = 5


class ShortAndSlow(Short):
    initial_lr = 0.001


class Third(ShortAndSlow):
    """As other people write them."""

    def __init__(self, plans: str, fold: int = 0):
        super().__init__(plans, fold)
        self.num_epochs = 7


def test_the_class_wins_over_the_constructor_of_the_base() -> None:
    assert (Short("plans").num_epochs, Short("plans").initial_lr) == (5, 0.01)


def test_settings_of_several_classes_add_up() -> None:
    trainer = ShortAndSlow("plans", fold=3)
    assert (trainer.num_epochs, trainer.initial_lr, trainer.plans, trainer.fold) == (5, 0.001, "plans", 3)


def test_what_is_set_after_construction_wins() -> None:
    assert Third("plans").num_epochs == 7
    trainer = Short("plans")
    trainer.num_epochs = 2
    assert trainer.num_epochs == 2

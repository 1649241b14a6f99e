"""Which parts of domain balancing a trainer switches on."""

from dataclasses import dataclass

from nnunetv2.domains.mixing_ratios import RatioMode


@dataclass(frozen=True)
class DomainBalanceSettings:
    """Which parts of domain balancing are on."""

    ratio_mode: RatioMode = RatioMode.AUTO
    """The source of the mixing ratios."""
    balance_batches: bool = True
    """Assign batch slots to domains by the ratios; otherwise draw cases as nnU-Net does."""
    use_edge_heads: bool = True
    """Learn boundaries, with a Dice that includes the background."""
    select_by_balanced_dice: bool = True
    """Choose the best checkpoint by the balanced Dice; otherwise by the Dice of all patches together."""
    stratify_splits: bool = True
    """Make folds that spread every domain evenly; otherwise nnU-Net's. Either way, groups are kept together."""
    select_by_worst_domain: bool = False
    """Choose the best checkpoint by the Dice of the worst domain, whatever `select_by_balanced_dice` is."""

    @property
    def anything_on(self) -> bool:
        """Tell whether the training differs from the stock one at all."""
        selects = self.select_by_balanced_dice or self.select_by_worst_domain
        return self.balance_batches or self.use_edge_heads or selects or self.stratify_splits

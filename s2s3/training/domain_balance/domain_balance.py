"""Training on several domains: what is drawn, and what is scored (method, sections 2.1 and 3).

Each half has a stock version with the same interface, so the trainer's hooks need not know which of the two they have.
"""

from nnunetv2.domains.dataset_domains import DatasetDomains
from nnunetv2.training.domain_balance.balance_settings import DomainBalanceSettings
from nnunetv2.training.domain_balance.domain_sampling import DomainSampling, StockSampling
from nnunetv2.training.domain_balance.domain_scoring import DomainScoring, StockScoring


def balance_domains(
    dataset: DatasetDomains, settings: DomainBalanceSettings
) -> tuple[StockSampling | DomainSampling, StockScoring | DomainScoring]:
    """Return what a training draws and scores: as stock nnU-Net without domains, or with every part off.

    Groups are kept together in any case.
    """
    if not dataset.names or not settings.anything_on:
        return StockSampling(dataset.groups), StockScoring()
    return DomainSampling(dataset, settings), DomainScoring(dataset, settings)

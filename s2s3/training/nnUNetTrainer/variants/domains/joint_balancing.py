"""Joint balancing as published: balanced batches, edge heads and the boundary loss (docs/method.md, section 2)."""

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class nnUNetTrainerJointBalancing(nnUNetTrainer):
    """Balances batches over domains and learns boundaries; the parts that the ablation found no gain from."""

    balance_batches = True
    use_edge_heads = True
    batch_norm_on_domains = False

"""What many trainers of other people do, each of which nnU-Net 2.8.1 refuses; no project's file, but their forms."""

import json
import sys
from pathlib import Path

import torch

CPU = torch.device("cpu")

if __name__ == "__main__":
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    class AnyArguments(nnUNetTrainer):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.num_epochs = 3

    class OneMore(nnUNetTrainer):
        def __init__(self, plans, configuration, fold, dataset_json, device=CPU, dropout=0.5):
            super().__init__(plans, configuration, fold, dataset_json, device)
            self.dropout = dropout

    def construct(trainer, **more):
        plans, dataset = (json.loads((model / name).read_text()) for name in ("plans.json", "dataset.json"))
        return trainer({**plans, **more}, "3d_fullres", 0, dataset, device=CPU)

    def logs():
        return sorted(construct(nnUNetTrainer, continue_training=False).logger.my_fantastic_logging)[:3]

    model = next((Path(sys.argv[1]) / "results").glob("*/*__*__*"))
    tried = {
        "directly": lambda: construct(nnUNetTrainer).fold,
        "any arguments": lambda: construct(AnyArguments).num_epochs,
        "one more argument": lambda: construct(OneMore).dropout,
        "my_fantastic_logging": logs,
    }
    said = {}
    for name, attempt in tried.items():
        try:
            said[name] = attempt()
        except Exception as error:
            said[name] = f"{type(error).__name__}"
    print("SAID" + json.dumps(said))

"""Initial weights of networks."""

from torch import nn

_CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)


class InitWeights_He:
    """Kaiming normal weights, zero biases for (transposed) convolutions; used as `network.apply(InitWeights_He())`."""

    def __init__(self, neg_slope: float = 1e-2):
        self.neg_slope = neg_slope

    def __call__(self, module: nn.Module) -> None:
        if not isinstance(module, _CONVOLUTIONS):
            return
        nn.init.kaiming_normal_(module.weight, a=self.neg_slope)
        if module.bias is not None:
            nn.init.zeros_(module.bias)

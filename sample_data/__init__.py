"""Draw synthetic H&E tissue of several domains from a seed and write it as a raw nnU-Net dataset."""

"""Synthetic H&E tissue of several domains, from a seed: numbers in, a raw nnU-Net data set out."""

"""The version of DRIFT, and the version of nnU-Net whose names, files and results it has."""

DRIFT = "0.1.0"
NNUNET = "2.8.1"

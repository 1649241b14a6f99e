"""Stands for OpenCV, which nnunetv2-cam imports for pictures that nobody draws here."""

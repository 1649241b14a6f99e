"""Trained models as zip files: export, installation, download."""

"""Reads pickles, numpy files and checkpoints without running code that they may name, within limits of memory."""

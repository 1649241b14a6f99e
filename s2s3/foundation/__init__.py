"""What every room above uses and no file of nnU-Net names: files, workers, locks, scratch folders, command lines."""

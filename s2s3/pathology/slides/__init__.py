"""Read whole slides: files, pixel size, the slide at the pixel size of a model, and what to do about damage."""

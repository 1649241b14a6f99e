"""A trained model behind HTTP: images in, label images or outlines out, and a page to try it."""

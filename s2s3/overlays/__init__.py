"""Pictures of images with their labels drawn over them."""

"""What plans may say of a network: the classes and modules it may name, its size, and which weights fit it."""

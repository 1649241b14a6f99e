"""What `make docs` makes beside the written pages: those about commands and Python, and links that work on the site."""

"""Where a slide shows tissue."""

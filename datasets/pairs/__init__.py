"""Anyone's own images: two folders, or a list file; with or without ground truth."""

"""A blind pairwise comparison of kept SR images by people, and what their answers amount to."""

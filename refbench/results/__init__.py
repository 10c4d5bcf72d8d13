"""Finished cells: summaries, labels, scores added later, merged shards, trials made again."""

"""From settings to a plan: cells, jobs, shards, and the optional hooks of a method."""

"""Writing files: the one atomic write, free space, and locks between processes."""

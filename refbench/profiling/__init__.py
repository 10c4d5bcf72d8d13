"""What a method's work costs: per-stage time and memory."""

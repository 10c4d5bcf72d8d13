"""What one call of a method costs: stages, time, memory, operations."""

"""A method in an interpreter of its own."""

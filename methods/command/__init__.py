"""A method that is a command line."""

"""Everything that comes from outside: text to be escaped or redacted, YAML, archives, downloads."""

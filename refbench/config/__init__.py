"""From `key=value` words and YAML files to checked settings: grammar, keys, values, suites, commands."""

"""What ``refbench doctor`` looks at: each module examines one thing and returns findings."""

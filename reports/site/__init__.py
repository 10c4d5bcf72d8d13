"""A static leaderboard of many runs: pages, a style sheet, a script and the numbers as data; no server."""

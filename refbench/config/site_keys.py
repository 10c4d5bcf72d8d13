"""The settings of ``refbench site``: of its command line and of :func:`refbench.site`."""

from __future__ import annotations

from refbench.config.keys import Key

KEYS = (
    Key("out", "path", "folder of the site", "site"),
    Key("title", "text", "what the site is called", "refbench leaderboard"),
    Key("audits", "paths", "files that refbench audit --json wrote", ()),
    Key("site.samples", "int", "most SR images of each section that are copied; 0: none", 3, minimum=0),
)

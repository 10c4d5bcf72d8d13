"""Unpacking other people's archives: the one way in for everything that refbench takes out of zip and tar.

limits   how much an archive may hold
names    which names of members are accepted, and which two may not stand together
members  the members of a zip or tar file, read by ``zipfile`` and ``tarfile`` within the limits
unpack   a whole archive into a new folder, or a few members into memory
"""

from __future__ import annotations

from refbench.untrusted.archives.limits import Limits
from refbench.untrusted.archives.unpack import read_members, unpack

__all__ = ["Limits", "read_members", "unpack"]

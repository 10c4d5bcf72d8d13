"""Files from the network: https only, every byte checked, interrupted transfers go on where they stopped.

remote    what is known of a file before it is fetched
https     the connection: no other scheme, also behind redirects; proxies of the environment are respected
fetch     into a partial file next to the target, checked, then renamed
"""

from __future__ import annotations

from refbench.untrusted.downloads.fetch import fetch
from refbench.untrusted.downloads.remote import Remote

__all__ = ["Remote", "fetch"]

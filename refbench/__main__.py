"""``python -m refbench`` is the same as the ``refbench`` command."""

import sys

from refbench.cli.main import main

sys.exit(main())

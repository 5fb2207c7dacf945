"""``python -m skimgfeat``."""

import sys

from skimgfeat.cli import main

sys.exit(main())

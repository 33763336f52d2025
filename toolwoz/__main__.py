"""``python -m toolwoz``."""

import sys

from toolwoz.cli.main import main

sys.exit(main())

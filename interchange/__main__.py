"""`python -m interchange` is the command line."""

import sys

from interchange.cli import main

sys.exit(main())

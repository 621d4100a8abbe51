"""`python -m oncewhere` is the `oncewhere` command."""

import sys

from oncewhere.cli import main

sys.exit(main())

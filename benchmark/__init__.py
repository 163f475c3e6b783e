"""Which model for a small set of pictures, is the difference real, and what does it cost?"""

import sys

# While Python locates the module of a command, the first argument is "-m" and nothing else. What a
# command imports takes seconds, in which somebody at a terminal is to see that it is on its way.
if sys.argv[:1] == ["-m"] and sys.stderr.isatty():
    print("starting ...", file=sys.stderr, flush=True)

"""``python -m tracker``."""

import sys

_ALONE = ["derogations", "read"]
"""The command of scripts: it starts in a third of the time without the rest of the program."""

if __name__ == "__main__":
    if sys.argv[1:3] == _ALONE:
        from tracker.listing import read

        read(sys.argv[3:], prog_name=" ".join(["python -m tracker", *_ALONE]))
    else:
        from tracker.cli import main

        main()

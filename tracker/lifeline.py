"""Ends a process when the one that started it is gone, however that one ended.

The parent keeps the writing end of a pipe that is this process's standard input. The watching thread lives in a module
of its own: at exit it still holds this module's names, and would hold the whole program's anywhere else.
"""

import contextlib
import os
import signal
import threading


def stop_when_stdin_closes() -> None:
    """End this process, as ``SIGTERM`` does, when its standard input closes."""
    threading.Thread(target=_watch, name="lifeline", daemon=True).start()


def _watch() -> None:
    with contextlib.suppress(OSError):
        os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)

"""One spoiled file in a process of its own: how it ended."""

import ctypes
import faulthandler
import os
import resource
import signal
import traceback
import warnings
from pathlib import Path

__all__ = ["SECONDS", "trial"]

#: of the processor, and of the clock, which a busy machine may stretch, for one file
SECONDS, PATIENCE = 20, 300
#: beyond what is taken when it begins
BYTES = 2 << 30


def trial(use, path):
    """Return ``result`` or ``refused``, or what went wrong: another exception, a signal, too long, too much memory."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _run(use, path, writing)
    os.close(writing)
    with os.fdopen(reading, errors="replace") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = signal.Signals(os.WTERMSIG(status))
        slow = number in (signal.SIGALRM, signal.SIGXCPU)
        return f"more than {SECONDS} s" if slow else f"killed by {number.name}\n{said}"
    return said


def _run(use, path, writing):
    """Use the file, say how it ended, and end: nothing of the parent's is run."""
    try:
        _limit()
        faulthandler.disable()  # pytest's, which would tell of it in the middle of its own lines
        os.dup2(writing, 2)  # what a sanitizer reports
        said = _said(use, path)
    except BaseException:
        said = traceback.format_exc()
    os.write(writing, said.encode(errors="replace")[-8000:])
    os._exit(0)


def _limit():
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(PATIENCE)
    if not hasattr(ctypes.CDLL(None), "__asan_init"):  # a sanitizer takes terabytes of addresses
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (taken + BYTES, taken + BYTES))


def _said(use, path):
    from alworkflows.errors import InputError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            use(path)
    except InputError:
        return "refused"
    except Exception:
        return traceback.format_exc()
    return "result"

"""``audit-webhook serve`` on a disk that fails when told to, for what no real disk can be made to do.

While a file with the name of the failure (``fsync``: EIO from every sync of the spool) is in the working folder, the
call fails; when the file is gone, all is well again.
"""

from __future__ import annotations

import errno
import os
import sys

from audit_webhook.cli import main

_fsync = os.fsync


def fsync(handle: int) -> None:
    """Sync, or fail as a broken disk does: the pages are called clean and the data is lost."""
    if os.path.exists("fsync"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    _fsync(handle)


if __name__ == "__main__":
    os.fsync = fsync
    sys.exit(main(["serve"]))

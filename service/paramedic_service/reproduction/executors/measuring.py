"""What a job's processes hold in memory and have written, as the kernel counts it."""

import os
from contextlib import suppress
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
BLOCK = 512  # bytes that a block of `st_blocks` stands for


def resident_bytes(process: int) -> int:
    """Memory that a process and its descendants hold; what they share counts for each. 0 for one that is gone."""
    total = 0
    unseen = [process]
    while unseen:
        place = Path("/proc", str(unseen.pop()))
        # Any of them may end while it is looked at.
        with suppress(OSError):
            total += int((place / "statm").read_text().split()[1]) * PAGE
            for thread in (place / "task").iterdir():
                with suppress(OSError):
                    unseen += map(int, (thread / "children").read_text().split())
    return total


def written_bytes(directory: Path) -> int:
    """Disk that everything in a directory takes; links are not followed."""
    total = 0
    unseen = [str(directory)]
    while unseen:
        with suppress(OSError), os.scandir(unseen.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * BLOCK
                    if entry.is_dir(follow_symlinks=False):
                        unseen.append(entry.path)
    return total

"""The files that the checks of this folder read."""

import pathlib
import subprocess
from typing import List

ROOT = pathlib.Path(__file__).resolve().parents[2]


def files(*patterns: str) -> List[pathlib.Path]:
    """Files of the repository whose names match a pattern of git; all without one. Ignored files are left out."""
    command = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", *patterns]
    listed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def name_of(file: pathlib.Path) -> str:
    """`file` as the repository names it, or as it was given when it lies elsewhere."""
    absolute = file.resolve()
    return str(absolute.relative_to(ROOT)) if ROOT in absolute.parents else str(file)

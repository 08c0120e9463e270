from __future__ import annotations

import subprocess
import sys

import mmcheck


def test_python_dash_m_runs_the_command_line() -> None:
    done = subprocess.run([sys.executable, "-m", "mmcheck", "--version"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert mmcheck.__version__ in done.stdout

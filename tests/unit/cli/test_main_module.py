from __future__ import annotations

import subprocess
import sys

import mmcheck


def test_python_dash_m_runs_the_command_line() -> None:
    done = subprocess.run([sys.executable, "-m", "mmcheck", "--version"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert mmcheck.__version__ in done.stdout


_AT_WORK = """
import threading, time
from mmcheck.cli import app

def interrupted(**options):
    raise KeyboardInterrupt

threading.Thread(target=time.sleep, args=(600,)).start()
app.app = interrupted
app.main()
"""


def test_an_interrupted_command_waits_for_no_thread() -> None:
    command = [sys.executable, "-c", _AT_WORK]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 130
    assert done.stderr == "interrupted; finished work is kept, and the same command continues it.\n"

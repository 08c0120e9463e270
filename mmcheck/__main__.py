"""``python -m mmcheck``: the command line where the console script is not on the PATH."""

from mmcheck.cli.app import main

if __name__ == "__main__":
    main()

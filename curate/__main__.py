"""The program as `python -m curate`, for an interpreter whose scripts are on no path."""

from curate.cli.app import main

if __name__ == "__main__":
    main()

"""Run the command line with ``python -m unmixcli``."""

from unmixcli.cli.app import main

if __name__ == "__main__":
    main()

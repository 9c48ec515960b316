"""`python -m nas` is `nas`."""

from nas.cli.main import main

# Worker processes import the main module again; only the first one is the command.
if __name__ == "__main__":
    main()

#!/usr/bin/env python
"""Run the portal's management commands."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Hand the command line to Django, or say what is missing."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError as error:
        message = "Django is not installed here: run `make demo` or `make test`, which set it up."
        raise SystemExit(message) from error
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()

"""python -m calotype: hands over to cli.main."""

from __future__ import annotations

from calotype.cli.main import main

if __name__ == "__main__":
    main()

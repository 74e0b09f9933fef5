"""Write `recipes/*.yml` from the package's templates: `python scripts/recipes.py [FOLDER]`."""

from __future__ import annotations

import sys
from pathlib import Path

from axolotl_ragdata.family import SHIPPED, shipped_text


def main() -> None:
    """Write every recipe that the repository ships."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "recipes"
    for name in SHIPPED:
        path = folder / f"{name}.yml"
        path.write_text(shipped_text(name), encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()

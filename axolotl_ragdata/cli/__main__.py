"""`python -m axolotl_ragdata.cli`."""

from axolotl_ragdata.cli import main

main()

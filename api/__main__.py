"""`python -m api VERB`."""

from api.cli import main

main()

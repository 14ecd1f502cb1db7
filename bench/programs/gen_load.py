"""Prints commands for redis-cli --pipe after which a server holds about 100 MB:
those of gen_commands.py, and 400,000 small values."""

import sys

sys.dont_write_bytecode = True

import gen_commands

gen_commands.main()
print("DEBUG POPULATE 400000 held 100", end="\r\n")

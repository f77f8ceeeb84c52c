"""A sample of real events for a first look, packed with the program; `tools/make_demo.py` says how it was chosen."""

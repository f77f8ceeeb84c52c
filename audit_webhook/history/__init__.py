"""What became of an object: patches applied, states compared, and each line of its manifest traced to who set it.

Pure functions over decoded JSON. Values may come from anybody: no function here goes deeper than `DEEPEST` levels, so
callers ask `is_too_deep` first.
"""

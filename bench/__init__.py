"""Measures the program on this machine and prints what it did; ``make bench`` runs it."""

"""Batches as files on a disk, for as long as the database cannot take them."""

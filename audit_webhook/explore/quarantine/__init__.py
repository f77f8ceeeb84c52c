"""What could not be read, as pages; all of it is hostile."""

"""The life of one object: its changes, its manifest with who set each line, and gaps in what is recorded."""

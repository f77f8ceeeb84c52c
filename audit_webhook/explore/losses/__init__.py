"""What was lost of each cluster or may have been, why, and who sends."""

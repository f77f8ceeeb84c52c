"""What is known of one actor, and the actors of a cluster."""

"""The promises of the program, each as a test on the real thing."""

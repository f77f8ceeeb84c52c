"""The first minute: the files that connect a kube-apiserver, and a sample of real events to look at."""

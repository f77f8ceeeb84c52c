"""Audit webhook backend for Kubernetes: receives, keeps and shows what happened in clusters."""

__version__ = "0.1.0"

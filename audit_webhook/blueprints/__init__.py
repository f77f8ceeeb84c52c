"""HTTP only: each view translates the request, calls a service and renders what it gives."""

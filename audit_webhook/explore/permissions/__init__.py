"""Who uses which permission, and the least that RBAC must allow."""

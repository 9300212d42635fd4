"""The Django admin: tenants, connections, incidents and the audit log, served by the ops process."""

"""What is kept of a tenant: for how long, how it is handed out, and how it goes."""

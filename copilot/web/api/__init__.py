"""The REST API, `/api/v1`: what programs may ask and tell, each by a tenant's token."""

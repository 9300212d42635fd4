"""The tools that come with the product: each module's `tools(tenant_id)` names those that a tenant has."""

output "url" {
  description = "REDIS_URL of the product; the key is Azure's, and in the state."
  value       = "rediss://:${urlencode(azurerm_managed_redis.this.default_database[0].primary_access_key)}@${azurerm_managed_redis.this.hostname}:${azurerm_managed_redis.this.default_database[0].port}/0?ssl_cert_reqs=required"
  sensitive   = true
}

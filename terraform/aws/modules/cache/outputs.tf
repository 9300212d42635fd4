output "url" {
  description = "REDIS_URL of the product."
  value       = "rediss://:${terraform_data.token.output}@${aws_elasticache_replication_group.this.primary_endpoint_address}:6379/0?ssl_cert_reqs=required"
  sensitive   = true
}

output "address" {
  description = "Host of the server: PostgreSQL on 5432, PgBouncer on 6432."
  value       = azurerm_postgresql_flexible_server.this.fqdn
}

# Azure Database for PostgreSQL, flexible server: in a subnet of its own, with a standby in another zone, pgvector allowed.

resource "azurerm_postgresql_flexible_server" "this" {
  # checkov:skip=CKV2_AZURE_57:the server is in a subnet of its own, without a public address
  # checkov:skip=CKV_AZURE_136:a copy in another region is a decision about where data may lie
  name                = var.name
  location            = var.resource_group.location
  resource_group_name = var.resource_group.name
  version             = var.engine_version
  sku_name            = var.sku_name
  storage_mb          = var.storage_gib * 1024
  auto_grow_enabled   = true

  administrator_login               = "copilot_admin"
  administrator_password_wo         = var.admin_password
  administrator_password_wo_version = var.password_version

  delegated_subnet_id           = var.subnet_id
  private_dns_zone_id           = var.dns_zone_id
  public_network_access_enabled = false

  backup_retention_days        = var.backup_days
  geo_redundant_backup_enabled = false

  dynamic "high_availability" {
    for_each = var.standby ? [1] : []
    content {
      mode = "ZoneRedundant"
    }
  }

  lifecycle {
    # Azure moves them at a failover.
    ignore_changes = [zone, high_availability[0].standby_availability_zone]
  }
}

# Azure lets CREATE EXTENSION be called for what is named here.
resource "azurerm_postgresql_flexible_server_configuration" "this" {
  for_each = {
    "azure.extensions"           = "PG_TRGM,VECTOR"
    "log_min_duration_statement" = "1000"
    "pgbouncer.enabled"          = "true"
    "pgbouncer.pool_mode"        = "transaction"
  }

  name      = each.key
  server_id = azurerm_postgresql_flexible_server.this.id
  value     = each.value
}

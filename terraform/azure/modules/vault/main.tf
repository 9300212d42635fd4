# Key Vault, written by write-only arguments: no plan and no state holds a value. A version number says when to write again.

data "azurerm_client_config" "current" {}

resource "azurerm_key_vault" "this" {
  # checkov:skip=CKV_AZURE_189:public access is open to the networks of var.writer_ip_ranges alone, which write the secrets
  name                          = var.vault_name
  location                      = var.resource_group.location
  resource_group_name           = var.resource_group.name
  tenant_id                     = data.azurerm_client_config.current.tenant_id
  sku_name                      = "standard"
  rbac_authorization_enabled    = true
  purge_protection_enabled      = true
  soft_delete_retention_days    = 90
  public_network_access_enabled = length(var.writer_ip_ranges) > 0

  network_acls {
    bypass         = "AzureServices"
    default_action = "Deny"
    ip_rules       = var.writer_ip_ranges
  }
}

resource "azurerm_private_endpoint" "this" {
  name                = "${var.name}-vault"
  location            = var.resource_group.location
  resource_group_name = var.resource_group.name
  subnet_id           = var.subnet_id

  private_service_connection {
    name                           = "vault"
    private_connection_resource_id = azurerm_key_vault.this.id
    subresource_names              = ["vault"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "vault"
    private_dns_zone_ids = [var.dns_zone_id]
  }
}

resource "azurerm_role_assignment" "writer" {
  scope                = azurerm_key_vault.this.id
  role_definition_name = "Key Vault Secrets Officer"
  principal_id         = data.azurerm_client_config.current.object_id
}

locals {
  direct = "${var.database_address}:5432"
  pooled = "${var.database_address}:6432"
  values = {
    admin-database-url = "postgresql://copilot_admin:${var.passwords["admin"]}@${local.direct}/postgres?sslmode=require"
    owner-database-url = "postgresql://copilot_owner:${var.passwords["owner"]}@${local.direct}/copilot?sslmode=require"
    database-url       = "postgresql://copilot_app:${var.passwords["app"]}@${local.pooled}/copilot?sslmode=require"
    staff-database-url = "postgresql://copilot_staff:${var.passwords["staff"]}@${local.pooled}/copilot?sslmode=require"
    redis-url          = var.redis_url
  }
}

# One secret a value, as Key Vault has no structure; the names are those that the chart reads.
resource "azurerm_key_vault_secret" "database" {
  # checkov:skip=CKV_AZURE_41:renewed by raising password_version
  for_each = toset(["admin-database-url", "owner-database-url", "database-url", "staff-database-url", "redis-url"])

  name             = each.key
  key_vault_id     = azurerm_key_vault.this.id
  content_type     = "text/plain"
  value_wo         = local.values[each.key]
  value_wo_version = var.password_version

  depends_on = [azurerm_role_assignment.writer]
}

# What sealed the tenants' credentials must outlive everything: people rotate it, a plan never does.
resource "azurerm_key_vault_secret" "master" {
  # checkov:skip=CKV_AZURE_41:a rotation needs the old key beside the new one; see docs/operate.md
  name             = "secret-keys"
  key_vault_id     = azurerm_key_vault.this.id
  content_type     = "text/plain"
  value_wo         = var.passwords["master"]
  value_wo_version = 1

  lifecycle {
    ignore_changes = [value_wo_version]
  }

  depends_on = [azurerm_role_assignment.writer]
}

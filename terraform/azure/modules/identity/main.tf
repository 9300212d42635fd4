# Workload identity: a ServiceAccount's own token speaks for a managed identity that may do exactly what is written here.

locals {
  accounts = {
    app = {
      service_account = var.app_service_account
      role            = "Storage Blob Data Contributor"
      scope           = var.exports_container_id
    }
    secrets = {
      service_account = var.secrets_service_account
      role            = "Key Vault Secrets User"
      scope           = var.vault_id
    }
  }
}

resource "azurerm_user_assigned_identity" "this" {
  for_each = local.accounts

  name                = "${var.name}-${each.key}"
  location            = var.resource_group.location
  resource_group_name = var.resource_group.name
}

resource "azurerm_federated_identity_credential" "this" {
  for_each = local.accounts

  name                = each.key
  resource_group_name = var.resource_group.name
  parent_id           = azurerm_user_assigned_identity.this[each.key].id
  issuer              = var.oidc_issuer_url
  audience            = ["api://AzureADTokenExchange"]
  subject             = "system:serviceaccount:${var.namespace}:${each.value.service_account}"
}

resource "azurerm_role_assignment" "this" {
  for_each = local.accounts

  scope                = each.value.scope
  role_definition_name = each.value.role
  principal_id         = azurerm_user_assigned_identity.this[each.key].principal_id
}

# A container for what leaves the product: tenants' exports and database dumps. Private, without account keys, emptied by age.

resource "azurerm_storage_account" "this" {
  # checkov:skip=CKV_AZURE_33:there are no queues
  # checkov:skip=CKV_AZURE_206:exports can be made again
  # checkov:skip=CKV2_AZURE_1:platform keys seal it; a customer key would be another thing to lose
  name                            = var.account_name
  location                        = var.resource_group.location
  resource_group_name             = var.resource_group.name
  account_tier                    = "Standard"
  account_replication_type        = "ZRS"
  min_tls_version                 = "TLS1_2"
  https_traffic_only_enabled      = true
  allow_nested_items_to_be_public = false
  shared_access_key_enabled       = false
  public_network_access_enabled   = false
  local_user_enabled              = false

  blob_properties {
    versioning_enabled = true
    delete_retention_policy {
      days = 7
    }
    container_delete_retention_policy {
      days = 7
    }
  }
}

resource "azurerm_storage_container" "this" {
  # checkov:skip=CKV2_AZURE_21:reads are in the activity log of the account
  name                  = "exports"
  storage_account_id    = azurerm_storage_account.this.id
  container_access_type = "private"
}

resource "azurerm_storage_management_policy" "this" {
  storage_account_id = azurerm_storage_account.this.id

  rule {
    name    = "age"
    enabled = true
    filters {
      blob_types = ["blockBlob"]
    }
    actions {
      base_blob {
        delete_after_days_since_modification_greater_than = var.keep_days
      }
      version {
        delete_after_days_since_creation = 7
      }
    }
  }
}

resource "azurerm_private_endpoint" "this" {
  name                = "${var.name}-exports"
  location            = var.resource_group.location
  resource_group_name = var.resource_group.name
  subnet_id           = var.subnet_id

  private_service_connection {
    name                           = "exports"
    private_connection_resource_id = azurerm_storage_account.this.id
    subresource_names              = ["blob"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "exports"
    private_dns_zone_ids = [var.dns_zone_id]
  }
}

# Azure Managed Redis: Celery's broker. It holds hints alone.

resource "azurerm_managed_redis" "this" {
  name                      = var.name
  location                  = var.resource_group.location
  resource_group_name       = var.resource_group.name
  sku_name                  = var.sku_name
  high_availability_enabled = var.high_availability
  public_network_access     = "Disabled"

  default_database {
    # Celery waits on several keys at once, which a cluster refuses; it loses messages where keys are evicted.
    clustering_policy                  = "NoCluster"
    eviction_policy                    = "NoEviction"
    client_protocol                    = "Encrypted"
    access_keys_authentication_enabled = true
  }
}

resource "azurerm_private_endpoint" "this" {
  name                = "${var.name}-cache"
  location            = var.resource_group.location
  resource_group_name = var.resource_group.name
  subnet_id           = var.subnet_id

  private_service_connection {
    name                           = "cache"
    private_connection_resource_id = azurerm_managed_redis.this.id
    subresource_names              = ["redisEnterprise"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "cache"
    private_dns_zone_ids = [var.dns_zone_id]
  }
}

# One virtual network: a subnet for pods' nodes, one that PostgreSQL has to itself, one for private endpoints.

resource "azurerm_virtual_network" "this" {
  name                = var.name
  location            = var.resource_group.location
  resource_group_name = var.resource_group.name
  address_space       = [var.cidr]
}

resource "azurerm_subnet" "nodes" {
  # checkov:skip=CKV2_AZURE_31:AKS keeps a security group on its nodes, and refuses to share the subnet's
  name                 = "nodes"
  resource_group_name  = var.resource_group.name
  virtual_network_name = azurerm_virtual_network.this.name
  address_prefixes     = [cidrsubnet(var.cidr, 4, 0)]
}

resource "azurerm_subnet" "database" {
  name                 = "database"
  resource_group_name  = var.resource_group.name
  virtual_network_name = azurerm_virtual_network.this.name
  address_prefixes     = [cidrsubnet(var.cidr, 8, 128)]

  delegation {
    name = "postgresql"
    service_delegation {
      name    = "Microsoft.DBforPostgreSQL/flexibleServers"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

resource "azurerm_subnet" "endpoints" {
  name                 = "endpoints"
  resource_group_name  = var.resource_group.name
  virtual_network_name = azurerm_virtual_network.this.name
  address_prefixes     = [cidrsubnet(var.cidr, 8, 129)]

  # Without this, security groups do not hold for private endpoints.
  private_endpoint_network_policies = "Enabled"
}

# Only the cluster's nodes may reach the database and the private endpoints.
resource "azurerm_network_security_group" "data" {
  name                = "${var.name}-data"
  location            = var.resource_group.location
  resource_group_name = var.resource_group.name

  security_rule {
    name                       = "nodes"
    priority                   = 100
    direction                  = "Inbound"
    access                     = "Allow"
    protocol                   = "Tcp"
    source_address_prefix      = azurerm_subnet.nodes.address_prefixes[0]
    source_port_range          = "*"
    destination_address_prefix = "*"
    destination_port_ranges    = ["443", "5432", "6432", "10000"]
  }

  # The standby is in the same subnet, and replicates.
  security_rule {
    name                       = "standby"
    priority                   = 110
    direction                  = "Inbound"
    access                     = "Allow"
    protocol                   = "Tcp"
    source_address_prefix      = azurerm_subnet.database.address_prefixes[0]
    source_port_range          = "*"
    destination_address_prefix = azurerm_subnet.database.address_prefixes[0]
    destination_port_ranges    = ["5432", "6432"]
  }

  security_rule {
    name                       = "nobody-else"
    priority                   = 4000
    direction                  = "Inbound"
    access                     = "Deny"
    protocol                   = "*"
    source_address_prefix      = "*"
    source_port_range          = "*"
    destination_address_prefix = "*"
    destination_port_range     = "*"
  }
}

resource "azurerm_subnet_network_security_group_association" "data" {
  for_each = { database = azurerm_subnet.database.id, endpoints = azurerm_subnet.endpoints.id }

  subnet_id                 = each.value
  network_security_group_id = azurerm_network_security_group.data.id
}

# Names of what is reached privately: the servers have no public address.
resource "azurerm_private_dns_zone" "this" {
  for_each = {
    database = "${var.name}.private.postgres.database.azure.com"
    cache    = "privatelink.redis.azure.net"
    vault    = "privatelink.vaultcore.azure.net"
    exports  = "privatelink.blob.core.windows.net"
  }

  name                = each.value
  resource_group_name = var.resource_group.name
}

resource "azurerm_private_dns_zone_virtual_network_link" "this" {
  for_each = azurerm_private_dns_zone.this

  name                  = each.key
  resource_group_name   = var.resource_group.name
  private_dns_zone_name = each.value.name
  virtual_network_id    = azurerm_virtual_network.this.id
}

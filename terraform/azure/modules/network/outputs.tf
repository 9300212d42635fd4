output "nodes_subnet_id" {
  description = "Subnet of the cluster's nodes."
  value       = azurerm_subnet.nodes.id
}

output "database_subnet_id" {
  description = "Subnet that PostgreSQL has to itself."
  value       = azurerm_subnet.database.id
}

output "endpoints_subnet_id" {
  description = "Subnet of private endpoints."
  value       = azurerm_subnet.endpoints.id
}

output "dns_zone_ids" {
  description = "Private zones by what they name; ready when linked."
  value       = { for key, zone in azurerm_private_dns_zone.this : key => zone.id }
  depends_on  = [azurerm_private_dns_zone_virtual_network_link.this]
}

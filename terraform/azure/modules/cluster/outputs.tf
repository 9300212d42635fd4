output "name" {
  description = "Name of the cluster."
  value       = azurerm_kubernetes_cluster.this.name
}

output "oidc_issuer_url" {
  description = "Who signs the tokens of ServiceAccounts."
  value       = azurerm_kubernetes_cluster.this.oidc_issuer_url
}

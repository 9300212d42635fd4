output "id" {
  description = "The vault."
  value       = azurerm_key_vault.this.id
}

output "url" {
  description = "Where the External Secrets operator reads."
  value       = azurerm_key_vault.this.vault_uri
}

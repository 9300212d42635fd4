output "client_ids" {
  description = "Identities by what they are for: app, secrets."
  value       = { for key, identity in azurerm_user_assigned_identity.this : key => identity.client_id }
}

output "tenant_id" {
  description = "The Entra tenant."
  value       = azurerm_user_assigned_identity.this["app"].tenant_id
}

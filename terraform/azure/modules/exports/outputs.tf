output "container_id" {
  description = "The container, as role assignments name it."
  value       = "${azurerm_storage_account.this.id}/blobServices/default/containers/${azurerm_storage_container.this.name}"
}

output "address" {
  description = "Where exports are written."
  value       = "${azurerm_storage_account.this.primary_blob_endpoint}${azurerm_storage_container.this.name}"
}

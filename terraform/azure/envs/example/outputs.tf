output "release" {
  description = "What release/ needs to know: terraform output -json release > release/cloud.auto.tfvars.json"
  value = {
    cloud = {
      namespace         = var.namespace
      app_client_id     = module.identity.client_ids["app"]
      secrets_client_id = module.identity.client_ids["secrets"]
      tenant_id         = module.identity.tenant_id
      vault_url         = module.vault.url
      vnet_cidr         = var.vnet_cidr
      api_host          = var.api_host
      ops_host          = var.ops_host
    }
  }
}

output "kubeconfig_command" {
  description = "How to get into the cluster."
  value       = "az aks get-credentials --resource-group ${azurerm_resource_group.this.name} --name ${module.cluster.name}"
}

output "exports" {
  description = "Where exports are written."
  value       = module.exports.address
}

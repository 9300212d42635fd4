variable "kubeconfig" {
  description = "File with the cluster's access, as kubeconfig_command of ../ writes it."
  type        = string
  default     = "~/.kube/config"
}

variable "kubernetes_context" {
  description = "Context in that file."
  type        = string
}

variable "image" {
  description = "The product's image."
  type        = object({ repository = string, tag = string })
}

variable "values_files" {
  description = "Further value files of the chart."
  type        = list(string)
  default     = []
}

variable "cloud" {
  description = "What ../ made: terraform output -json release > release/cloud.auto.tfvars.json"
  type = object({
    namespace         = string
    app_client_id     = string
    secrets_client_id = string
    tenant_id         = string
    vault_url         = string
    vnet_cidr         = string
    api_host          = string
    ops_host          = string
  })
}

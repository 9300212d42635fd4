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
    region           = string
    namespace        = string
    app_role_arn     = string
    secrets_role_arn = string
    secret_names     = map(string)
    vpc_cidr         = string
    api_host         = string
    ops_host         = string
  })
}

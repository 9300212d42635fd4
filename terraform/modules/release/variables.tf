variable "namespace" {
  description = "Kubernetes namespace of the release."
  type        = string
}

variable "values" {
  description = "Values of the chart that follow from the cloud."
  type        = any
}

variable "more_values" {
  description = "Further values, as YAML; the last one wins."
  type        = list(string)
  default     = []
}

variable "install_external_secrets" {
  description = "Install the External Secrets operator; false where the cluster has it."
  type        = bool
  default     = true
}

variable "external_secrets_version" {
  description = "Version of the operator's chart."
  type        = string
  default     = "1.0.0"
}

variable "name" {
  description = "Name of the cluster."
  type        = string
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets of pods."
  type        = list(string)
}

variable "public_access_cidrs" {
  description = "Networks that may reach the API server from outside; empty: reachable from inside the VPC alone."
  type        = list(string)
  default     = []

  validation {
    condition     = !contains(var.public_access_cidrs, "0.0.0.0/0")
    error_message = "public_access_cidrs must name networks; 0.0.0.0/0 is everybody."
  }
}

variable "admin_role_arns" {
  description = "IAM roles that administer the cluster."
  type        = list(string)

  validation {
    condition     = length(var.admin_role_arns) > 0
    error_message = "admin_role_arns must name at least one role, or nobody can get into the cluster."
  }
}

variable "kms_key_arn" {
  description = "Key for Kubernetes' secrets and the audit log."
  type        = string
}

variable "name" {
  description = "Name of the installation: prefix of every resource."
  type        = string
}

variable "resource_group" {
  description = "Resource group, by name and location."
  type        = object({ name = string, location = string })
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes."
  type        = string
}

variable "vm_size" {
  description = "Size of a node."
  type        = string
  default     = "Standard_D4ds_v5"
}

variable "max_nodes" {
  description = "Nodes that the autoscaler may make."
  type        = number
  default     = 6
}

variable "subnet_id" {
  description = "Subnet of the nodes."
  type        = string
}

variable "authorized_ip_ranges" {
  description = "Networks that may reach the API server from outside; empty: a private cluster."
  type        = list(string)
  default     = []
}

variable "admin_group_ids" {
  description = "Entra groups that administer the cluster."
  type        = list(string)

  validation {
    condition     = length(var.admin_group_ids) > 0
    error_message = "admin_group_ids must name at least one group, or nobody can get into the cluster."
  }
}

variable "dns_zone_ids" {
  description = "Azure DNS zones of the host names, kept by the ingress."
  type        = list(string)
}

variable "name" {
  description = "Name of the installation: prefix of every resource."
  type        = string
}

variable "resource_group" {
  description = "Resource group, by name and location."
  type        = object({ name = string, location = string })
}

variable "sku_name" {
  description = "Size of the cache."
  type        = string
}

variable "high_availability" {
  description = "Keep a replica."
  type        = bool
  default     = true
}

variable "subnet_id" {
  description = "Subnet of private endpoints."
  type        = string
}

variable "dns_zone_id" {
  description = "Private DNS zone of the cache's name."
  type        = string
}

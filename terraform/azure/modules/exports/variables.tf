variable "name" {
  description = "Name of the installation: prefix of every resource."
  type        = string
}

variable "resource_group" {
  description = "Resource group, by name and location."
  type        = object({ name = string, location = string })
}

variable "account_name" {
  description = "Name of the storage account, unique in all of Azure."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]{3,24}$", var.account_name))
    error_message = "account_name must be 3 to 24 small letters and digits."
  }
}

variable "keep_days" {
  description = "Days that an export is kept."
  type        = number
  default     = 30
}

variable "subnet_id" {
  description = "Subnet of private endpoints."
  type        = string
}

variable "dns_zone_id" {
  description = "Private DNS zone of the account's name."
  type        = string
}

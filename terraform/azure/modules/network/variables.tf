variable "name" {
  description = "Name of the installation: prefix of every resource."
  type        = string
}

variable "resource_group" {
  description = "Resource group, by name and location."
  type        = object({ name = string, location = string })
}

variable "cidr" {
  description = "Range of the virtual network; /16 leaves room."
  type        = string
}

# SRE Copilot on AWS: change what differs, and keep the rest in the modules. The release itself is in release/, a state of its
# own: a provider that is configured from a cluster in the same state breaks when that cluster changes.

provider "aws" {
  region = var.region

  default_tags {
    tags = { project = var.name, managed-by = "terraform" }
  }
}

module "stack" {
  source = "../../modules/stack"

  passwords = local.passwords

  name               = var.name
  region             = var.region
  zones              = var.zones
  production         = var.production
  vpc_cidr           = var.vpc_cidr
  kubernetes_version = var.kubernetes_version
  postgresql_version = var.postgresql_version
  admin_role_arns    = var.admin_role_arns
  admin_cidrs        = var.admin_cidrs
  namespace          = var.namespace
  zone_id            = var.zone_id
  api_host           = var.api_host
  ops_host           = var.ops_host
  api_load_balancer  = var.api_load_balancer
  ops_load_balancer  = var.ops_load_balancer
  password_version   = var.password_version
}

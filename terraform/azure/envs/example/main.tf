# SRE Copilot on Azure: change what differs, and keep the rest in the modules. The release itself is in release/, a state of its own.

provider "azurerm" {
  subscription_id     = var.subscription_id
  storage_use_azuread = true

  features {}
}

resource "azurerm_resource_group" "this" {
  name     = var.name
  location = var.location
}

locals {
  resource_group = { name = azurerm_resource_group.this.name, location = azurerm_resource_group.this.location }
}

module "network" {
  source = "../../modules/network"

  name           = var.name
  resource_group = local.resource_group
  cidr           = var.vnet_cidr
}

module "cluster" {
  source = "../../modules/cluster"

  name                 = var.name
  resource_group       = local.resource_group
  kubernetes_version   = var.kubernetes_version
  subnet_id            = module.network.nodes_subnet_id
  authorized_ip_ranges = var.admin_cidrs
  admin_group_ids      = var.admin_group_ids
  dns_zone_ids         = [var.dns_zone_id]
}

module "database" {
  source = "../../modules/database"

  name             = var.name
  resource_group   = local.resource_group
  engine_version   = var.postgresql_version
  sku_name         = "GP_Standard_D2ds_v5"
  standby          = var.production
  admin_password   = local.passwords["admin"]
  password_version = var.password_version
  subnet_id        = module.network.database_subnet_id
  dns_zone_id      = module.network.dns_zone_ids["database"]
}

module "cache" {
  source = "../../modules/cache"

  name              = var.name
  resource_group    = local.resource_group
  sku_name          = var.production ? "Balanced_B1" : "Balanced_B0"
  high_availability = var.production
  subnet_id         = module.network.endpoints_subnet_id
  dns_zone_id       = module.network.dns_zone_ids["cache"]
}

module "vault" {
  source = "../../modules/vault"

  name             = var.name
  resource_group   = local.resource_group
  vault_name       = var.vault_name
  writer_ip_ranges = var.admin_cidrs
  passwords        = local.passwords
  password_version = var.password_version
  database_address = module.database.address
  redis_url        = module.cache.url
  subnet_id        = module.network.endpoints_subnet_id
  dns_zone_id      = module.network.dns_zone_ids["vault"]
}

module "exports" {
  source = "../../modules/exports"

  name           = var.name
  resource_group = local.resource_group
  account_name   = var.account_name
  subnet_id      = module.network.endpoints_subnet_id
  dns_zone_id    = module.network.dns_zone_ids["exports"]
}

module "identity" {
  source = "../../modules/identity"

  name                    = var.name
  resource_group          = local.resource_group
  namespace               = var.namespace
  app_service_account     = "sre-copilot"
  secrets_service_account = "sre-copilot-secrets"
  oidc_issuer_url         = module.cluster.oidc_issuer_url
  exports_container_id    = module.exports.container_id
  vault_id                = module.vault.id
}

# All parts of one installation, joined.

module "keys" {
  source = "../keys"

  name = var.name
}

module "network" {
  source = "../network"

  name               = var.name
  cidr               = var.vpc_cidr
  zones              = var.zones
  single_nat_gateway = !var.production
  kms_key_arn        = module.keys.arn
}

module "cluster" {
  source = "../cluster"

  name                = var.name
  kubernetes_version  = var.kubernetes_version
  subnet_ids          = module.network.private_subnet_ids
  public_access_cidrs = var.admin_cidrs
  admin_role_arns     = var.admin_role_arns
  kms_key_arn         = module.keys.arn
}

module "database" {
  source = "../database"

  name                = var.name
  engine_version      = var.postgresql_version
  instance_class      = var.production ? "db.m7g.large" : "db.t4g.medium"
  multi_az            = var.production
  deletion_protection = var.production
  admin_password      = var.passwords["admin"]
  password_version    = var.password_version
  vpc_id              = module.network.vpc_id
  subnet_ids          = module.network.data_subnet_ids
  kms_key_arn         = module.keys.arn
  client_security_group_ids = {
    cluster = module.cluster.security_group_id
    proxy   = module.proxy.security_group_id
  }
}

module "proxy" {
  source = "../proxy"

  name                       = var.name
  vpc_id                     = module.network.vpc_id
  subnet_ids                 = module.network.data_subnet_ids
  client_security_group_id   = module.cluster.security_group_id
  database_security_group_id = module.database.security_group_id
  database_identifier        = module.database.identifier
  role_secret_arns           = module.secrets.role_secret_arns
  kms_key_arn                = module.keys.arn
}

module "cache" {
  source = "../cache"

  name                     = var.name
  node_type                = var.production ? "cache.m7g.large" : "cache.t4g.small"
  replicas                 = var.production ? 1 : 0
  token_version            = var.password_version
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.data_subnet_ids
  client_security_group_id = module.cluster.security_group_id
  kms_key_arn              = module.keys.arn
}

module "exports" {
  source = "../exports"

  name        = var.name
  kms_key_arn = module.keys.arn
}

module "secrets" {
  source = "../secrets"

  name             = var.name
  passwords        = var.passwords
  password_version = var.password_version
  database_address = module.database.address
  proxy_endpoint   = module.proxy.endpoint
  redis_url        = module.cache.url
  kms_key_arn      = module.keys.arn
}

module "identity" {
  source = "../identity"

  name                    = var.name
  namespace               = var.namespace
  app_service_account     = "sre-copilot"
  secrets_service_account = "sre-copilot-secrets"
  oidc_provider_arn       = module.cluster.oidc_provider_arn
  oidc_issuer             = module.cluster.oidc_issuer
  exports_bucket_arn      = module.exports.arn
  secret_arns             = values(module.secrets.read_by_pods)
  kms_key_arn             = module.keys.arn
}

module "address" {
  source = "../address"

  zone_id           = var.zone_id
  api_host          = var.api_host
  ops_host          = var.ops_host
  api_load_balancer = var.api_load_balancer
  ops_load_balancer = var.ops_load_balancer
}

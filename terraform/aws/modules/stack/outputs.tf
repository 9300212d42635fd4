output "release" {
  description = "What a release needs to know."
  value = {
    cloud = {
      region             = var.region
      cluster_name       = module.cluster.name
      cluster_endpoint   = module.cluster.endpoint
      cluster_ca         = module.cluster.ca_certificate
      namespace          = var.namespace
      app_role_arn       = module.identity.role_arns["app"]
      secrets_role_arn   = module.identity.role_arns["secrets"]
      secret_names       = module.secrets.names
      certificate_arn    = module.address.certificate_arn
      api_host           = var.api_host
      ops_host           = var.ops_host
      exports_bucket     = module.exports.bucket
      private_subnet_ids = module.network.private_subnet_ids
    }
  }
}

output "kubeconfig_command" {
  description = "How to get into the cluster."
  value       = "aws eks update-kubeconfig --region ${var.region} --name ${module.cluster.name}"
}

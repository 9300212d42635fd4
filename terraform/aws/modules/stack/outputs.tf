output "release" {
  description = "What a release needs to know."
  value = {
    cloud = {
      region           = var.region
      namespace        = var.namespace
      app_role_arn     = module.identity.role_arns["app"]
      secrets_role_arn = module.identity.role_arns["secrets"]
      secret_names     = module.secrets.names
      api_host         = var.api_host
      ops_host         = var.ops_host
      vpc_cidr         = module.network.cidr
    }
  }
}

output "kubeconfig_command" {
  description = "How to get into the cluster."
  value       = "aws eks update-kubeconfig --region ${var.region} --name ${module.cluster.name}"
}

output "exports_bucket" {
  description = "Where exports are written."
  value       = module.exports.bucket
}

output "ingress_classes" {
  description = "The two ways in, for kubectl apply: vendors from everywhere, people from inside the network."
  value = join("---\n", flatten([
    for name, scheme in { copilot-public = "internet-facing", copilot-internal = "internal" } : [
      yamlencode({
        apiVersion = "eks.amazonaws.com/v1"
        kind       = "IngressClassParams"
        metadata   = { name = name }
        spec       = { scheme = scheme, certificateARNs = [module.address.certificate_arn] }
      }),
      yamlencode({
        apiVersion = "networking.k8s.io/v1"
        kind       = "IngressClass"
        metadata   = { name = name }
        spec = {
          controller = "eks.amazonaws.com/alb"
          parameters = { apiGroup = "eks.amazonaws.com", kind = "IngressClassParams", name = name }
        }
      }),
    ]
  ]))
}
